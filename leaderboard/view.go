package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// pageQuery asks Redis for rows of a board.
type pageQuery struct {
	gen    string
	window string
	board  Board
	around string // a member; "" reads from offset
	offset int
	limit  int
}

// view is what page.lua answered. rows is empty and w "" where Redis holds no
// boards.
type view struct {
	generations
	w       string
	total   int
	offset  int
	above   int // members with a sum above the first row's
	version int64
	rows    []score
}

type score struct {
	id  string
	sum int64
}

func (v *view) meta() meta { return meta{v.generations, map[string]string{fieldMark(v.gen): v.w}} }

// ranks gives the competition rank of each row: one more than there are members
// with a greater sum. Rows are in falling order, so only the first needs the
// count.
func (v *view) ranks() []int {
	ranks := make([]int, len(v.rows))
	for i, row := range v.rows {
		switch {
		case i == 0:
			ranks[i] = v.above + 1
		case row.sum == v.rows[i-1].sum:
			ranks[i] = ranks[i-1]
		default:
			ranks[i] = v.offset + i + 1
		}
	}
	return ranks
}

func (v *view) archiveRows(fairs *fairTable) []archiveRow {
	rows := make([]archiveRow, len(v.rows))
	ranks := v.ranks()
	for i, row := range v.rows {
		rows[i] = archiveRow{ID: row.id, Rank: ranks[i], Sum: row.sum, Fair: fairs.of(row.id)}
	}
	return rows
}

// errOther: the generation that is read is another one.
var errOther = errors.New("leaderboard: another generation is read")

// readCurrent reads a page of the generation that is read at that instant.
func (b *Boards) readCurrent(ctx context.Context, t tenant, q pageQuery) (*view, error) {
	known, err := b.known(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	for range 8 {
		if q.gen = known.gen; q.gen == "" {
			return &view{}, nil
		}
		v, err := b.readPage(ctx, t, q)
		if !errors.Is(err, errOther) {
			return v, err
		}
		known = v.generations
	}
	return nil, unavailable(errors.New("leaderboard: the generations keep changing"))
}

// readPage reads a page of a generation; errOther, with a view that holds the
// generations alone, when it is not the one that is read.
//
// Script page.lua: KEYS[1] meta, KEYS[2] the board, KEYS[3] changes; ARGV[1]
// generation, ARGV[2] field in changes, ARGV[3] member or "", ARGV[4] offset,
// ARGV[5] limit. It returns {gen, next} or {gen, next, W, total, offset, above,
// version, {member, sum, ...}}.
func (b *Boards) readPage(ctx context.Context, t tenant, q pageQuery) (*view, error) {
	rest := restBoard(q.window, q.board)
	keys := []string{metaKey(t.ID), genKey(t.ID, q.gen, rest), genKey(t.ID, q.gen, restChanges)}
	reply, err := b.page.RunRO(ctx, b.redis, keys, q.gen, rest, q.around, q.offset, q.limit).Slice()
	if err != nil {
		return nil, unavailable(err)
	}
	r := reader{reply: reply}
	v := &view{generations: generations{r.text(), r.text()}}
	if v.gen != q.gen {
		b.heard(t.ID, v.generations)
		return v, errors.Join(errOther, r.err)
	}
	v.w, v.total, v.offset, v.above, v.version = r.text(), r.count(), r.count(), r.count(), r.number()
	rows := reader{reply: r.list()}
	for len(rows.reply) > 0 {
		v.rows = append(v.rows, score{rows.text(), rows.number()})
	}
	return v, errors.Join(r.err, rows.err)
}

// reader takes a script's reply apart, first value first. After a value of
// another kind than asked for, err says so and what follows is zero.
type reader struct {
	reply []any
	err   error
}

func (r *reader) next() any {
	if len(r.reply) == 0 {
		r.fail(nil)
		return nil
	}
	value := r.reply[0]
	r.reply = r.reply[1:]
	return value
}

func (r *reader) fail(value any) {
	r.reply = nil
	if r.err == nil {
		r.err = fmt.Errorf("leaderboard: a script answered %T where something else belongs", value)
	}
}

func (r *reader) text() string {
	value := r.next()
	s, ok := value.(string)
	if !ok {
		r.fail(value)
	}
	return s
}

// number reads an integer; Redis writes a large sum as 9.007199254740991e+15.
func (r *reader) number() int64 {
	value := r.next()
	switch value := value.(type) {
	case int64:
		return value
	case string:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			return int64(f)
		}
	}
	r.fail(value)
	return 0
}

func (r *reader) count() int { return int(r.number()) }

func (r *reader) list() []any {
	value := r.next()
	list, ok := value.([]any)
	if !ok {
		r.fail(value)
	}
	return list
}
