"""The daemon: the loop and what it hangs on. Beside the command line the only room that knows everybody."""
