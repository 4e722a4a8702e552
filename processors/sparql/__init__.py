"""Processors that ask and change what a SPARQL server holds."""
