"""The debugger of `trapline debug` without its terminal: commands, expressions, stops, views."""
