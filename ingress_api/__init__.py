"""The write edge: checks a request, reserves its key, appends one command, answers its outcome."""
