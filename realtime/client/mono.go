package client

import "time"

// mono is the machine's own clock, for deadlines of the socket.
func mono() time.Time { return time.Now() } //nolint:forbidigo // a deadline of a socket is the machine's time
