"""From files to single statements: comments, `.S` files, macros, conditionals, includes."""
