"""Processors of RDF: read, parse, write, query, change, join and validate graphs."""
