"""Files that are whole or not there, whoever writes them; nothing but the standard library."""
