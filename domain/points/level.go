package points

// levels are the all-time points at which each level begins, from the second on.
// Each is twice the one before: what volunteers do is spread over orders of
// magnitude (we assume a lognormal), so doubling puts about as many people on one
// step as on the next. The second is five doors, reached in the first quarter of an
// hour; 1,600 is the long shift that a day pays in full; the last is 256 hours at
// the doors.
var levels = []int64{100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400}

// MaxLevel is the last level there is.
var MaxLevel = len(levels) + 1

// LevelFrom is the all-time points at which a level, 1 to MaxLevel, begins.
func LevelFrom(level int) int64 {
	if level <= 1 {
		return 0
	}
	return levels[min(level, MaxLevel)-2]
}

// Level is what somebody with these all-time points is on: 1 to MaxLevel. It is a
// function of the points alone: whoever loses points to a void may go down, and
// rules that change change no level that was reached.
func Level(allTime int64) int {
	level := 1
	for level < MaxLevel && allTime >= LevelFrom(level+1) {
		level++
	}
	return level
}
