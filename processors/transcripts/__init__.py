"""Recorded streams of language-model providers: what they are made of, and the events in them."""
