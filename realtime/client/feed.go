package client

import "sync/atomic"

// Subscription is a feed to follow.
type Subscription struct {
	Feed   string
	Window string // boards only; "" means season
	// OnPush gets every push in order, on the client's reading goroutine: it
	// must not wait for the client. A push that came twice is counted and not
	// given. nil: the pushes are only counted.
	OnPush func(Push)
	// OnError is told that the server does not give the feed, at first or later.
	OnError func(*ReplyError)
	// From resumes at a position of an earlier client.
	From *Position
}

type feedKey struct{ feed, window string }

func keyOf(feed, window string) feedKey {
	const boards = "board:"
	if window == "" && len(feed) > len(boards) && feed[:len(boards)] == boards {
		window = "season"
	}
	return feedKey{feed, window}
}

// feed is a subscription and where it stands.
type feed struct {
	Subscription
	at    Position
	known bool // at is meant
	asked bool // a subscribe with a position is under way
}

// counters is what a client saw.
type counters struct {
	connects, frames, resumes, reloads, missed, gaps, doubled, closes atomic.Int64
}

// Counters is what a client saw since it was made.
type Counters struct {
	Connects int64 // connections that were accepted
	Frames   int64 // pushes
	Resumes  int64 // subscriptions that were answered from a position
	Reloads  int64 // times the server said that it cannot give what was missed
	Missed   int64 // snapshots in place of changes
	Gaps     int64 // pushes that skipped something without a word: never
	Doubled  int64 // pushes that came again: never
	Closes   int64 // connections that ended, in whatever way
}

// follow moves the position over a push and judges it; false: it came before.
func (f *feed) follow(p Push, c *counters) bool {
	next := p.Position()
	switch p.Type {
	case "event", "delta":
		switch {
		case f.known && next.Epoch != f.at.Epoch, f.known && next.Offset > f.at.Offset+1:
			c.gaps.Add(1)
		case f.known && next.Offset <= f.at.Offset:
			c.doubled.Add(1)
			return false
		case !f.known && p.Type == "delta":
			c.gaps.Add(1) // a change of what?
		}
	case "snapshot":
		if p.Missed {
			c.missed.Add(1)
		} else if f.known && next.Epoch != f.at.Epoch {
			c.gaps.Add(1)
		}
		if f.known && next.Epoch == f.at.Epoch && next.Offset < f.at.Offset {
			c.doubled.Add(1)
		}
	case "reload":
		c.reloads.Add(1)
	default:
		return true
	}
	f.at, f.known = next, true
	return true
}
