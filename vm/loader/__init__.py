"""Program files into memory images."""
