package leaderboard

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/internal/errs"
)

// VerifyOptions decide what a verification holds the boards against.
type VerifyOptions struct {
	// NoWriters says that nothing is being recorded: every posting must be on
	// the boards then, not only those up to W.
	NoWriters bool
	// Progress is told of each step, from the caller's goroutine; nil for
	// nobody.
	Progress func(VerifyProgress)
}

// The stages of a verification, in their order.
const (
	StageBoards   = "boards"   // read from Redis
	StageAccounts = "accounts" // recounted from the ledger
)

// VerifyProgress is how far a verification has come.
type VerifyProgress struct {
	Stage string
	Done  int
	Total int // as the stage began, as far as is known; 0 where it is not
}

// Report is what a verification found.
type Report struct {
	Equal    bool // no difference at all
	Accounts int  // whose postings were recounted
	Boards   int  // compared, those of closed seasons and empty ones too
	// Differences are the first MaxDifferences, by window, board and id.
	Differences []Difference
	Found       int // how many there were
}

// MaxDifferences bounds the list in a Report.
const MaxDifferences = 100

// What a difference is between.
const (
	// AgainstLedger: a board, or what Redis keeps of an account, is not what
	// the account's actions and the rules give.
	AgainstLedger = "ledger"
	// AgainstContributions: a board is not the sum of what Redis keeps of the
	// accounts.
	AgainstContributions = "contributions"
)

// Difference is one place where the boards are wrong. It holds ids only.
type Difference struct {
	Against string // AgainstLedger or AgainstContributions
	Window  string
	// Board is the board's id; "contrib" for what is kept of an account;
	// "members" or "joined:<hour>" for the count of people of a home; "posting"
	// where an account's postings do not come to what they say.
	Board            string
	ID               string // account, unit or home
	Expected, Actual string // "" where there is none
}

// boardTable holds boards in memory: id to sum, under "<window>/<board>".
type boardTable map[string]map[string]int64

func (t boardTable) add(board, id string, n int64) {
	if t[board] == nil {
		t[board] = map[string]int64{}
	}
	t[board][id] += n
}

// splitBoard takes "<window>/<board>" apart.
func splitBoard(s string) (window, board string) {
	window, board, _ = strings.Cut(s, "/")
	return window, board
}

// isMembers tells a count of people from a board, which has a unit before a
// colon.
func isMembers(s string) bool {
	_, board := splitBoard(s)
	_, err := ParseBoard(board)
	return err != nil
}

// addShare puts a share on every board it counts on.
func (t boardTable) addShare(root, window, account string, hidden bool, s points.Share) {
	people, units := boardsOf(root, window, s.Team, s.Region)
	for _, board := range people {
		if hidden || s.Points == 0 {
			break
		}
		at := restBoard(window, board)
		t.add(at, account, s.Points)
		if t[at][account] == 0 { // nobody without points is on a board of people
			delete(t[at], account)
		}
	}
	for _, u := range units {
		t.add(restBoard(window, u.board), u.id, s.Points)
	}
}

// Verify holds the boards of a campaign against the ledger. For each account
// and window the contribution (n, points) that Redis keeps must be the one that
// posting n gives, and no posting up to W, or none at all without writers, may
// have a larger n that touches the window. The boards must be the sums of the
// contributions, and the sums of what the raw actions give under the rules,
// recounted; so must the archived boards of closed seasons. It reads every
// posting, and holds one line an account and the boards in memory.
//
// It answers Conflict boards_stale where there are no boards, and Conflict
// boards_busy where they changed under it again and again.
func (b *Boards) Verify(ctx context.Context, campaign string, o VerifyOptions) (Report, error) {
	t, err := b.tenant(ctx, campaign)
	if err != nil {
		return Report{}, err
	}
	recount, err := b.rules(ctx, t.Campaign)
	if err != nil {
		return Report{}, err
	}
	v := &verification{b: b, t: t, options: o, recount: recount, differences: map[Difference]bool{}}
	if o.Progress == nil {
		v.options.Progress = func(VerifyProgress) {}
	} else if v.total, err = b.checkpointed(ctx, campaign); err != nil {
		return Report{}, err
	}
	closed, err := b.readProgress(ctx, campaign)
	if err != nil {
		return Report{}, err
	}
	v.closed = closed.Closed
	if err := v.readRedis(ctx); err != nil {
		return Report{}, err
	}
	if err := v.readLedger(ctx); err != nil {
		return Report{}, err
	}
	if err := v.compareBoards(ctx); err != nil {
		return Report{}, err
	}
	if err := v.compareArchive(ctx); err != nil {
		return Report{}, err
	}
	return v.report(), nil
}

// verification is the state of one Verify.
type verification struct {
	b       *Boards
	t       tenant
	recount Recount
	options VerifyOptions
	closed  []string

	redis       snapshot
	contributed boardTable // what the contributions in Redis add up to
	ledger      boardTable // what the recounted actions add up to
	archive     boardTable // the same for closed seasons
	accounts    int
	boards      int
	total       int // accounts that there are, or a few less; 0 where not known

	differences map[Difference]bool
}

func (v *verification) differ(d Difference) { v.differences[d] = true }

func (v *verification) report() Report {
	all := slices.SortedFunc(maps.Keys(v.differences), func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.Board, b.Board), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Against, b.Against))
	})
	return Report{
		Equal: len(all) == 0, Accounts: v.accounts, Boards: v.boards,
		Found: len(all), Differences: all[:min(len(all), MaxDifferences)],
	}
}

// readLedger recounts every account, compares what Redis keeps of it, and adds
// it to the boards that there should be.
func (v *verification) readLedger(ctx context.Context) error {
	v.ledger, v.contributed, v.archive = boardTable{}, boardTable{}, boardTable{}
	seen := map[string]bool{}
	for account, err := range v.b.ledger.Accounts(ctx, v.t.ID) {
		if err != nil {
			return err
		}
		postings, err := v.b.ledger.Of(ctx, v.t.ID, account)
		if err != nil {
			return err
		}
		seen[account] = true
		if err := v.account(account, postings); err != nil {
			return err
		}
		p := VerifyProgress{Stage: StageAccounts, Done: len(seen)}
		if v.total > 0 {
			p.Total = max(v.total, p.Done)
		}
		v.options.Progress(p)
	}
	v.accounts = len(seen)
	// Contributions of accounts that the ledger does not know.
	for window, stored := range v.redis.contrib {
		for account, text := range stored {
			if !seen[account] {
				v.differ(Difference{AgainstLedger, window, boardContrib, account, "", text})
			}
		}
	}
	return nil
}

// account takes one account's postings, which are all there are.
func (v *verification) account(account string, postings []*points.Posting) error {
	if len(postings) == 0 {
		return nil
	}
	a := &accountCheck{verification: v, account: account, postings: postings, recounts: map[int64]points.Recounted{}}
	a.due = newest(postings, func(p *points.Posting) bool {
		return v.options.NoWriters || markOf(p).Compare(v.redis.w) <= 0
	})
	a.last = newest(postings, func(*points.Posting) bool { return true })
	return a.run()
}

// newest folds the postings that count into one line.
func newest(postings []*points.Posting, counts func(*points.Posting) bool) line {
	var l line
	for _, p := range postings {
		if counts(p) {
			l.fold(lineOf(p))
		}
	}
	return l
}

// errBusy: the boards changed while they were read.
var errBusy = errors.New("leaderboard: the boards changed")

func busy() error {
	return errs.Wrap(errBusy, errs.Conflict, "boards_busy", "The boards change faster than they can be compared; stop the writers and verify again.")
}
