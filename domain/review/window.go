package review

import "time"

// Recent is how far back a window reaches.
const Recent = 7 * 24 * time.Hour

// Use is one use of a device.
type Use struct {
	Account string
	At      time.Time
}

// together is the most different accounts within one hour; uses are by time.
func together(uses []Use) int {
	within := map[string]int{}
	first, most := 0, 0
	for _, u := range uses {
		within[u.Account]++
		for u.At.Sub(uses[first].At) >= time.Hour {
			old := uses[first].Account
			if within[old]--; within[old] == 0 {
				delete(within, old)
			}
			first++
		}
		most = max(most, len(within))
	}
	return most
}
