package leaderboard

import (
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster/domain/points"
)

// Difference.Board where it is no board.
const (
	boardContrib = "contrib"
	boardPosting = "posting"
)

// accountCheck is the part of a verification that looks at one account.
type accountCheck struct {
	*verification
	account  string
	postings []*points.Posting // all of the account's, by n
	due      line              // what must be on the boards
	last     line              // what the ledger ends with
	recounts map[int64]points.Recounted
}

func (a *accountCheck) run() error {
	windows := []string{AllTime}
	for _, s := range a.last.Seasons {
		windows = append(windows, s.Season)
	}
	for _, window := range windows {
		if slices.Contains(a.closed, window) {
			a.closedWindow(window)
		} else {
			a.openWindow(window)
		}
	}
	for window, stored := range a.redis.contrib {
		if text, ok := stored[a.account]; ok && !slices.Contains(windows, window) {
			a.contribDiffers(window, "", text)
		}
	}
	return nil
}

func (a *accountCheck) contribDiffers(window, expected, actual string) {
	a.differ(Difference{AgainstLedger, window, boardContrib, a.account, expected, actual})
}

// posting is the account's n-th posting with the line it makes, its points
// replaced by the recounted ones; nil where there is none.
func (a *accountCheck) posting(n int64) *line {
	i := slices.IndexFunc(a.postings, func(p *points.Posting) bool { return p.N == n })
	if i < 0 {
		return nil
	}
	p := a.postings[i]
	count, ok := a.recounts[n]
	if !ok {
		var err error
		count, err = a.recount(a.postings[:i+1])
		if err == nil {
			err = count.Agrees(&p.State)
		}
		if err != nil {
			a.differ(Difference{AgainstLedger, AllTime, boardPosting, a.account, "", err.Error()})
		}
		a.recounts[n] = count
	}
	l := lineOf(p)
	l.All.Shares = count.AllTime
	for i, s := range l.Seasons {
		l.Seasons[i].Share.Points = 0
		if share := count.Season(s.Season); share != nil {
			l.Seasons[i].Share = share.Share
		}
	}
	return &l
}

// openWindow compares what Redis keeps of the account for a window, and adds to
// the boards: to those of the ledger what it should be, to those of the
// contributions what it is.
func (a *accountCheck) openWindow(window string) {
	text, stored := a.redis.contrib[window][a.account]
	have, err := parseContrib(text)
	if stored && err != nil {
		have = nil
		a.contribDiffers(window, "", text)
	}
	n := a.due.in(window)
	if have != nil && have.n > n {
		n = have.n // ahead of what must be there
	}
	if n == 0 {
		return
	}
	l := a.posting(n)
	if l == nil {
		a.contribDiffers(window, "", text)
		return
	}
	hidden, shares := l.All.Hidden, l.shares(window)
	if want := l.contribution(window); want != text {
		a.contribDiffers(window, want, text)
	}
	for _, s := range shares {
		a.ledger.addShare(a.t.Root, window, a.account, hidden, s)
	}
	if window == AllTime {
		a.ledger.addMember(homeOf(l.All.Home), hourOf(l.Joined))
	}
	if have == nil {
		return
	}
	for i, p := range have.points {
		if i < len(shares) {
			a.contributed.addShare(a.t.Root, window, a.account, have.hidden, points.Share{Home: shares[i].Home, Points: p})
		}
	}
	if hour, err := strconv.ParseInt(have.hour, 10, 64); window == AllTime && err == nil {
		a.contributed.addMember(have.home, hour)
	}
}

// closedWindow adds the account to the boards that a closed season should have.
func (a *accountCheck) closedWindow(window string) {
	if l := a.posting(a.last.in(window)); l != nil {
		for _, s := range l.shares(window) {
			a.archive.addShare(a.t.Root, window, a.account, l.All.Hidden, s)
		}
	}
}

// in is the n of the posting that a line has for a window, 0 for none.
func (l *line) in(window string) int64 {
	if window == AllTime {
		return l.All.N
	}
	for _, s := range l.Seasons {
		if s.Season == window {
			return s.N
		}
	}
	return 0
}

func (l *line) shares(window string) []points.Share {
	if window == AllTime {
		return l.All.Shares
	}
	for _, s := range l.Seasons {
		if s.Season == window {
			return []points.Share{s.Share}
		}
	}
	return nil
}

// contribution is what Redis should keep of a single posting's line.
func (l *line) contribution(window string) string {
	shares := l.shares(window)
	if window != AllTime && len(shares) == 0 {
		return ""
	}
	list := make([]string, len(shares))
	for i, s := range shares {
		list[i] = strconv.FormatInt(s.Points, 10)
	}
	text := strconv.FormatInt(l.All.N, 10) + "|" + strconv.Itoa(flag(l.All.Hidden)) + "|" + strings.Join(list, ",")
	if window == AllTime {
		text += "|" + strconv.FormatInt(hourOf(l.Joined), 10) + "|" + homeOf(l.All.Home)
	}
	return text
}
