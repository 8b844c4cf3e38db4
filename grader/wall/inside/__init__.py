"""What runs on the untrusted side. The sandbox shows these files to student code, so nothing here is secret."""
