"""Which instructions are sensitive, in the sense of Popek and Goldberg, and which theorems hold."""
