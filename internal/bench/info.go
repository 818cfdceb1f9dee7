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
