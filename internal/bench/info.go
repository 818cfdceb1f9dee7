package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// infoFloat reads a number from the answer to Redis's INFO.
func infoFloat(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("redis says nothing of %s", name)
}

// commandStat is what Redis counts of one command.
type commandStat struct {
	calls, microseconds float64
}

func (s commandStat) since(before commandStat) commandStat {
	return commandStat{s.calls - before.calls, s.microseconds - before.microseconds}
}

// each is what one took, in microseconds.
func (s commandStat) each() float64 { return s.microseconds / max(s.calls, 1) }

// infoCommands reads the answer to INFO commandstats, by the command's name.
func infoCommands(text string) map[string]commandStat {
	found := map[string]commandStat{}
	for line := range strings.Lines(text) {
		var s commandStat
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		if _, err := fmt.Sscanf(rest, "calls=%g,usec=%g,", &s.calls, &s.microseconds); ok && err == nil {
			found[name] = s
		}
	}
	return found
}
