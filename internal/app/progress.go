package app

// Progress is told how far a step of a long work has come, in bytes or in what
// the step is named for; total is 0 where it is not known. It may be called from
// several goroutines, one after the other. nil is told nothing.
type Progress func(step string, done, total int64)

func (p Progress) tell(step string, done, total int64) {
	if p != nil {
		p(step, done, total)
	}
}

// stages tells of a campaign's boards, a step a stage. What was done when a
// stage was first heard of, by who was there before, counts neither as done nor
// as to do: the rate and the time left are this work's.
func (p Progress) stages(campaignID string) func(stage string, done, total int) {
	var current string
	var begun int
	return func(stage string, done, total int) {
		if stage != current {
			current, begun = stage, done
		}
		p.tell(campaignID+" "+stage, int64(done-begun), int64(max(total-begun, 0)))
	}
}
