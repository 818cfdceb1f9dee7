package leaderboard

import (
	"encoding/json"
	"fmt"

	"github.com/musterhq/muster/domain/points"
)

// order is one call of the script: lines to apply, fields of meta to move with
// them, or both.
type order struct {
	lines []line
	// into is the one generation that takes the lines; "" is every generation
	// that meta names.
	into  string
	moves []move
}

// move changes a field of meta, only if it still is what it was read as; all
// moves and lines of an order happen or none. "" is an absent field.
type move struct{ field, from, to string }

// payload is ARGV[1] of apply.lua; see there.
type payload struct {
	Gen     string        `json:"gen"`
	Next    string        `json:"next"`
	Block   int           `json:"block"`
	Moves   [][3]string   `json:"moves"`
	Places  []place       `json:"places"`
	Windows []windowLines `json:"windows"`
}

// place is where the points of a share are seen: numbers of keys within a
// block; Units alternates a key's number and the member.
type place struct {
	People []int `json:"p"`
	Units  []any `json:"u"`
}

type windowLines struct {
	ID      string `json:"id"`
	Contrib int    `json:"contrib"`
	// Lines are [account, n, hidden, [[place, points], ...]], for all-time with
	// home, hour and the number of the hour's key behind.
	Lines [][]any `json:"lines"`
}

// builder makes the payload of an order. Keys are numbered from 1 within a
// block; every generation that takes the lines has a block of its own, alike
// but for the generation.
type builder struct {
	root    string
	block   []string // the rest of each key, see keys.go
	numbers map[string]int
	payload payload
	places  map[placeID]int
	windows map[string]int
}

type placeID struct {
	window string
	home   points.Home
}

func newBuilder(root string) *builder {
	return &builder{
		root:    root,
		block:   []string{restChanges, restMembers, restHours}, // as apply.lua has it
		numbers: map[string]int{},
		places:  map[placeID]int{},
		windows: map[string]int{},
		payload: payload{Moves: [][3]string{}, Places: []place{}, Windows: []windowLines{}},
	}
}

func (b *builder) key(rest string) int {
	n, ok := b.numbers[rest]
	if !ok {
		b.block = append(b.block, rest)
		n = len(b.block)
		b.numbers[rest] = n
	}
	return n
}

func (b *builder) place(window string, home points.Home) int {
	id := placeID{window, home}
	if n, ok := b.places[id]; ok {
		return n
	}
	p := place{People: []int{}, Units: []any{}}
	people, units := boardsOf(b.root, window, home.Team, home.Region)
	for _, board := range people {
		p.People = append(p.People, b.key(restBoard(window, board)))
	}
	for _, u := range units {
		p.Units = append(p.Units, b.key(restBoard(window, u.board)), u.id)
	}
	b.payload.Places = append(b.payload.Places, p)
	b.places[id] = len(b.payload.Places)
	return b.places[id]
}

func (b *builder) line(window string, entry ...any) {
	i, ok := b.windows[window]
	if !ok {
		i = len(b.payload.Windows)
		b.windows[window] = i
		b.payload.Windows = append(b.payload.Windows, windowLines{ID: window, Contrib: b.key(restContrib(window))})
	}
	b.payload.Windows[i].Lines = append(b.payload.Windows[i].Lines, entry)
}

func (b *builder) add(l line) {
	shares := make([][2]int64, len(l.All.Shares))
	for i, s := range l.All.Shares {
		shares[i] = [2]int64{int64(b.place(AllTime, s.Home)), s.Points}
	}
	hour := hourOf(l.Joined)
	b.line(AllTime, l.Account, l.All.N, flag(l.All.Hidden), shares, homeOf(l.All.Home), hour, b.key(restJoined(hour)))
	for _, s := range l.Seasons {
		share := [2]int64{int64(b.place(s.Season, s.Share.Home)), s.Share.Points}
		b.line(s.Season, l.Account, s.N, flag(s.Hidden), [][2]int64{share})
	}
}

// homeOf is the field of a home in members: team and leaf region.
func homeOf(h points.Home) string { return h.Team + " " + h.Region }

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// build gives KEYS and ARGV[1] of an order, as known to be the generations.
func (o *order) build(campaign, root string, known generations) (keys []string, argv string, err error) {
	b := newBuilder(root)
	for _, l := range o.lines {
		b.add(l)
	}
	for _, m := range o.moves {
		b.payload.Moves = append(b.payload.Moves, [3]string{m.field, m.from, m.to})
	}
	b.payload.Gen, b.payload.Next, b.payload.Block = known.gen, known.next, len(b.block)
	keys = append(keys, metaKey(campaign), closedKey(campaign))
	if len(o.lines) > 0 {
		for _, gen := range known.taking(o.into) {
			for _, rest := range b.block {
				keys = append(keys, genKey(campaign, gen, rest))
			}
		}
	}
	body, err := json.Marshal(&b.payload)
	if err != nil {
		return nil, "", fmt.Errorf("leaderboard: encode an order: %w", err)
	}
	return keys, string(body), nil
}
