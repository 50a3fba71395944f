"""Running a strong and a weak model in little more memory than one."""
