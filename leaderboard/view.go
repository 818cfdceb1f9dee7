package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/store"
)

// pageQuery asks Redis for rows of a board.
type pageQuery struct {
	window string
	board  Board
	around string // a member; "" reads from offset
	offset int
	limit  int
}

// view is what page.lua answered for a page. rows is empty and w "" where Redis
// holds no boards.
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
		rows[i] = archiveRow{ID: row.id, Rank: ranks[i], Sum: row.sum, Fair: fairs.of(row.id), Small: fairs.isSmall(row.id)}
	}
	return rows
}

// pageLimits bound the queue of pages, for each campaign: who asks while a call of
// the script is under way is answered by the next. With pages of MaxLimit rows one
// call keeps Redis busy for about two milliseconds.
var pageLimits = store.GroupLimits{Together: 32, Waiting: 4096, Within: 5 * time.Second}

// pageRead is a query and what the script answered.
type pageRead struct {
	query pageQuery
	generations
	w    string
	text string // as page.lua has it; "" where there are no boards
}

// readCurrent reads a page of the generation that is read at that instant. Who
// asks alone is answered at once; those who ask meanwhile share calls of the
// script, and with them what a call costs: a busy board takes less of Redis for
// each page than a quiet one.
func (b *Boards) readCurrent(ctx context.Context, t tenant, q pageQuery) (*view, error) {
	r := &pageRead{query: q}
	err := b.readShared(ctx, t.ID, r)
	switch {
	case errors.Is(err, store.ErrFull):
		return nil, unavailable(err)
	case err != nil:
		return nil, err // r may still be written to
	}
	return r.view()
}

// readShared answers a page, by itself if nobody else is, or with others.
func (b *Boards) readShared(ctx context.Context, campaign string, r *pageRead) error {
	value, ok := b.reading.Load(campaign)
	if !ok {
		value, _ = b.reading.LoadOrStore(campaign, new(atomic.Bool))
	}
	taken := value.(*atomic.Bool)
	if !taken.CompareAndSwap(false, true) {
		return b.pages.Do(ctx, campaign, r)
	}
	defer taken.Store(false)
	return b.readTogether(ctx, campaign, []*pageRead{r})
}

// readTogether answers pages of a campaign, all of the same instant and
// generation.
func (b *Boards) readTogether(ctx context.Context, campaign string, reads []*pageRead) error {
	known, err := b.known(ctx, campaign)
	if err != nil {
		return err
	}
	for range 8 {
		if known.gen == "" {
			return nil
		}
		known, err = b.readPages(ctx, campaign, known.gen, reads)
		if !errors.Is(err, errOther) {
			return err
		}
	}
	return unavailable(errors.New("leaderboard: the generations keep changing"))
}

// errOther: the generation that is read is another one.
var errOther = errors.New("leaderboard: another generation is read")

// readPage reads a page of a generation; errOther when it is not the one that is
// read.
func (b *Boards) readPage(ctx context.Context, t tenant, gen string, q pageQuery) (*view, error) {
	r := &pageRead{query: q}
	if _, err := b.readPages(ctx, t.ID, gen, []*pageRead{r}); err != nil {
		return nil, err
	}
	return r.view()
}

// readPages reads pages of a generation; errOther, and the ones there are, when it
// is not the one that is read.
//
// Script page.lua: KEYS[1] meta, KEYS[2] changes, KEYS[3..] boards; ARGV[1]
// generation, ARGV[2..] key, field in changes, member or "", offset and limit of
// each page. It returns {gen, next} or {gen, next, W, page, ...}, a page being
// lines: total, offset, above, version, and member and sum of each row.
func (b *Boards) readPages(ctx context.Context, campaign, gen string, reads []*pageRead) (generations, error) {
	keys, argv := pageCall(campaign, gen, reads)
	reply, err := b.page.RunRO(ctx, b.redis, keys, argv...).Slice()
	if err != nil {
		return generations{}, unavailable(err)
	}
	read := reader{reply: reply}
	now := generations{read.text(), read.text()}
	if now.gen != gen {
		b.heard(campaign, now)
		return now, errors.Join(errOther, read.err)
	}
	w := read.text()
	for _, r := range reads {
		r.generations, r.w, r.text = now, w, read.text()
	}
	return now, read.err
}

// pageCall gives KEYS and ARGV of page.lua.
func pageCall(campaign, gen string, reads []*pageRead) (keys []string, argv []any) {
	type place struct {
		window string
		board  Board
	}
	keys = append(make([]string, 0, 3), metaKey(campaign), genKey(campaign, gen, restChanges))
	argv = append(make([]any, 0, 1+5*len(reads)), gen)
	numbers := make(map[place]int, 1)
	for _, r := range reads {
		q := &r.query
		rest := restBoard(q.window, q.board)
		at := place{q.window, q.board}
		if numbers[at] == 0 {
			keys = append(keys, genKey(campaign, gen, rest))
			numbers[at] = len(keys)
		}
		argv = append(argv, numbers[at], rest, q.around, q.offset, q.limit)
	}
	return keys, argv
}

// view takes the answer apart. The caller does it, so that who waits for the next
// call does not wait for that.
func (r *pageRead) view() (*view, error) {
	v := &view{generations: r.generations, w: r.w}
	if v.gen == "" {
		return v, nil
	}
	lines := strings.Split(r.text, "\n")
	const head = 4
	if len(lines) < head || len(lines)%2 != 0 {
		return nil, fmt.Errorf("leaderboard: page.lua answered %d lines", len(lines))
	}
	read := reader{}
	v.total, v.offset, v.above, v.version = int(read.digits(lines[0])), int(read.digits(lines[1])), int(read.digits(lines[2])), read.digits(lines[3])
	lines = lines[head:]
	v.rows = make([]score, len(lines)/2)
	for i := range v.rows {
		v.rows[i] = score{lines[2*i], read.digits(lines[2*i+1])}
	}
	return v, read.err
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

// number reads an integer.
func (r *reader) number() int64 {
	value := r.next()
	switch value := value.(type) {
	case int64:
		return value
	case string:
		return r.digits(value)
	}
	r.fail(value)
	return 0
}

// digits reads a text that is an integer; Redis writes a large sum as
// 9.007199254740991e+15.
func (r *reader) digits(text string) int64 {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.fail(text)
	}
	return int64(f)
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
