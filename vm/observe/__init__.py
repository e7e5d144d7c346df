"""What can be seen of a run: exit log, traces, explanations, reports. See docs/seeing.md."""
