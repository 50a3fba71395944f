"""Images and videos as files: what a clip is made from is read, what it is becomes one."""
