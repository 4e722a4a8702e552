"""Write a dataflow in Turtle, have it checked before it runs, run it streamed and bounded in memory."""
