"""What the pages show: read from rows by index, from rollups and from the keeper's sample, never by a scan."""
