package realtime

import "time"

// mono is the machine's own clock, for deadlines of sockets, leases and paces:
// how much time passed. What time it is comes from Options.Clock.
func mono() time.Time { return time.Now() } //nolint:forbidigo // see above
