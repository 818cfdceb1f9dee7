package season

import "time"

const (
	// MaxSamples bounds the curve of a duel.
	MaxSamples = 720
	// FirstSpacing is how far apart the samples of a young duel are.
	FirstSpacing = 10 * time.Second
	// NewsAnHour is how many lead changes of one duel are news in any hour; the
	// others are kept and not told.
	NewsAnHour = 4
	// maxChanges bounds the lead changes that are listed.
	maxChanges = 200
)

// Sample is where a duel stood.
type Sample struct {
	At    time.Time `bson:"at"`
	Left  float64   `bson:"left"`
	Right float64   `bson:"right"`
}

// Change is a change of the lead.
type Change struct {
	At     time.Time `bson:"at"`
	Leader string    `bson:"leader"` // "left" or "right"
}

// Course is how a duel goes: the score over time and who led. Its zero value is the
// course of a duel that nobody has looked at.
type Course struct {
	// Samples are in the order of time. Where there are MaxSamples every second one
	// goes, so the curve of a week is as long as that of an hour.
	Samples []Sample      `bson:"samples,omitempty"`
	Spacing time.Duration `bson:"spacing,omitempty"` // between two samples, at least
	Leader  string        `bson:"leader,omitempty"`  // "left" or "right"; "" before anybody led
	Changes []Change      `bson:"changes,omitempty"` // the latest 200
	Changed int           `bson:"changed,omitempty"` // how often the lead changed in all
	// Told is the leader that was news last, ToldAt when that was, the latest of
	// the last hour.
	Told   string      `bson:"told,omitempty"`
	ToldAt []time.Time `bson:"told_at,omitempty"`
}

// See takes a look at the score. keep says that the course has changed; tell, that
// Leader is news: at once where it changed, unless NewsAnHour were told in the last
// hour. What could not be told then is told later, if it still holds. Who leads
// first is no change. A tie changes nothing: who led goes on leading.
func (c *Course) See(at time.Time, left, right float64) (keep, tell bool) {
	leader := c.Leader
	switch {
	case left > right:
		leader = "left"
	case right > left:
		leader = "right"
	}
	if leader != c.Leader {
		keep = true
		if c.Leader == "" {
			c.Told = leader
		} else {
			c.Changed++
			c.Changes = append(c.Changes, Change{At: at, Leader: leader})
			c.Changes = c.Changes[max(0, len(c.Changes)-maxChanges):]
		}
		c.Leader = leader
	}
	if c.sample(at, left, right, keep) {
		keep = true
	}
	if c.Leader != c.Told && c.mayTell(at) {
		c.Told, keep, tell = c.Leader, true, true
		c.ToldAt = append(c.ToldAt, at)
	}
	return keep, tell
}

// sample keeps a sample that is due, or that shows a change, and says so.
func (c *Course) sample(at time.Time, left, right float64, change bool) bool {
	c.Spacing = max(c.Spacing, FirstSpacing)
	if n := len(c.Samples); n > 0 {
		last := c.Samples[n-1]
		since := at.Sub(last.At)
		if since <= 0 || !change && (since < c.Spacing || last.Left == left && last.Right == right) {
			return false
		}
	} else if left == 0 && right == 0 {
		return false
	}
	c.Samples = append(c.Samples, Sample{At: at, Left: left, Right: right})
	if len(c.Samples) > MaxSamples {
		thin := c.Samples[:0:0]
		for i := 0; i < len(c.Samples); i += 2 {
			thin = append(thin, c.Samples[i])
		}
		c.Samples, c.Spacing = thin, 2*c.Spacing
	}
	return true
}

// mayTell forgets what was told more than an hour ago.
func (c *Course) mayTell(at time.Time) bool {
	recent := c.ToldAt[:0:0]
	for _, t := range c.ToldAt {
		if at.Sub(t) < time.Hour {
			recent = append(recent, t)
		}
	}
	c.ToldAt = recent
	return len(recent) < NewsAnHour
}

// Turned is the course with its sides changed over.
func (c Course) Turned() Course {
	turn := func(side string) string {
		return map[string]string{"left": "right", "right": "left"}[side]
	}
	out := c
	out.Leader, out.Told = turn(c.Leader), turn(c.Told)
	out.Samples, out.Changes = nil, nil
	for _, s := range c.Samples {
		out.Samples = append(out.Samples, Sample{At: s.At, Left: s.Right, Right: s.Left})
	}
	for _, change := range c.Changes {
		out.Changes = append(out.Changes, Change{At: change.At, Leader: turn(change.Leader)})
	}
	return out
}
