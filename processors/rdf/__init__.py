"""Processors of RDF: read, parse, write, query, join and validate graphs."""
