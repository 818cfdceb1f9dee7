package realtime

import (
	_ "embed" // the scripts
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/publish.lua
var publishSource string

//go:embed lua/read.lua
var readSource string

//go:embed lua/restart.lua
var restartSource string

//go:embed lua/board.lua
var boardSource string

//go:embed lua/renew.lua
var renewSource string

// The scripts. Each file's head names keys, arguments and answers.
var (
	publishScript = redis.NewScript(publishSource)
	readScript    = redis.NewScript(readSource)
	restartScript = redis.NewScript(restartSource)
	boardScript   = redis.NewScript(boardSource)
	renewScript   = redis.NewScript(renewSource)
)

// reading is what read.lua answered.
type reading struct {
	epoch   string
	offset  uint64
	entries []entry
}

// entry is one entry of a feed's stream.
type entry struct {
	offset uint64
	id     string // of an event; "" in a board's stream
	kind   string // an event's name, or a board's "snapshot" or "delta"
	data   string
}

func parseReading(answer []any) (reading, error) {
	var r reading
	if len(answer) != 3 {
		return r, fmt.Errorf("realtime: read.lua answered %d values", len(answer))
	}
	epoch, _ := answer[0].(string)
	offset, err := parseOffset(answer[1])
	if err != nil {
		return r, err
	}
	r.epoch, r.offset = epoch, offset
	entries, _ := answer[2].([]any)
	for _, raw := range entries {
		e, err := parseEntry(raw)
		if err != nil {
			return r, err
		}
		r.entries = append(r.entries, e)
	}
	return r, nil
}

func parseEntry(raw any) (entry, error) {
	var e entry
	pair, ok := raw.([]any)
	if !ok || len(pair) != 2 {
		return e, fmt.Errorf("realtime: an entry of %T", raw)
	}
	id, _ := pair[0].(string)
	if n := len(id) - len("-0"); n > 0 && id[n:] == "-0" {
		id = id[:n]
	}
	offset, err := parseOffset(id)
	if err != nil {
		return e, err
	}
	e.offset = offset
	fields, _ := pair[1].([]any)
	for i := 0; i+1 < len(fields); i += 2 {
		name, _ := fields[i].(string)
		value, _ := fields[i+1].(string)
		switch name {
		case "i":
			e.id = value
		case "n", "k":
			e.kind = value
		case "d":
			e.data = value
		}
	}
	return e, nil
}

func parseOffset(v any) (uint64, error) {
	s, _ := v.(string)
	n, err := strconv.ParseUint(s, 10, 53)
	if err != nil {
		return 0, fmt.Errorf("realtime: %q is not an offset", s)
	}
	return n, nil
}
