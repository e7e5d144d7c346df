"""Questions about whole machines: techniques compared, sensitive instructions tested, several guests."""
