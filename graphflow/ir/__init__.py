"""The Program and the loop IR: data, printers, verifiers, interpreters."""
