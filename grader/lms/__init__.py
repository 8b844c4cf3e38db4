"""From the learning management system and back: downloads of submissions in, marks and feedback out.

A module for each system holds what is particular to it, in both directions; the others know no system.
"""
