"""The wall: student code runs behind it, and only plain values cross."""
