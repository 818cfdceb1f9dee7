package realtime

import "sync/atomic"

// Counters is what a hub has done, for metrics. All but the first two only
// rise.
type Counters struct {
	Connections   int64 // now
	Subscriptions int64 // now
	Accepted      int64 // connections that were let in
	Refused       int64 // connections that were answered in HTTP
	FramesIn      int64
	FramesOut     int64 // text, ping, pong and close frames handed to sockets
	BytesOut      int64
	SlowCloses    int64 // clients closed because they did not take what was sent
	Reloads       int64 // feeds that could not be read without a gap
	Publications  int64 // versions of boards published by this node
	Rechecks      int64 // connections asked again after a change of roles
}

type counters struct {
	connections, subscriptions, accepted, refused atomic.Int64
	framesIn, framesOut, bytesOut, slow           atomic.Int64
	reloads, publications, rechecks               atomic.Int64
}

// Counters reads the counters.
func (h *Hub) Counters() Counters {
	c := &h.counters
	return Counters{
		Connections: c.connections.Load(), Subscriptions: c.subscriptions.Load(),
		Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		FramesIn: c.framesIn.Load(), FramesOut: c.framesOut.Load(), BytesOut: c.bytesOut.Load(),
		SlowCloses: c.slow.Load(), Reloads: c.reloads.Load(),
		Publications: c.publications.Load(), Rechecks: c.rechecks.Load(),
	}
}
