package app

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/domain/points"
	"github.com/musterhq/muster/leaderboard"
)

// VerifyRequest says what to verify.
type VerifyRequest struct {
	Campaign string // id; empty: all
	// Live: servers may be writing meanwhile. Then what they recorded within the
	// last minutes is not held against the boards.
	Live bool
	// Journal lists ids of actions that were acknowledged: each must be in
	// some ledger exactly once.
	Journal  []string
	Progress Progress
}

// VerifyReport is what a verification found.
type VerifyReport struct {
	Campaigns []CampaignReport `json:"campaigns"`
	Actions   int              `json:"actions"` // in all ledgers, voids left out
	Journal   JournalReport    `json:"journal"`
}

// CampaignReport is one campaign's part of a VerifyReport.
type CampaignReport struct {
	Campaign    string                   `json:"campaign"`
	Equal       bool                     `json:"equal"`
	Accounts    int                      `json:"accounts"`
	Boards      int                      `json:"boards_compared"`
	Found       int                      `json:"differences_found"`
	Differences []leaderboard.Difference `json:"differences,omitempty"`
}

// JournalReport holds the journal against the ledgers.
type JournalReport struct {
	Acknowledged int      `json:"acknowledged"`
	Missing      []string `json:"missing"` // ids in no ledger
	Doubled      []string `json:"doubled"` // ids in the ledgers more than once
}

// Equal says whether nothing is wrong.
func (r *VerifyReport) Equal() bool {
	for _, c := range r.Campaigns {
		if !c.Equal {
			return false
		}
	}
	return len(r.Journal.Missing) == 0 && len(r.Journal.Doubled) == 0
}

// shownDifferences bounds what Write prints of each kind.
const shownDifferences = 20

// Write prints the report for a person; its last line is the verdict.
func (r *VerifyReport) Write(w io.Writer) {
	for _, c := range r.Campaigns {
		for i, d := range c.Differences {
			if i == shownDifferences {
				fmt.Fprintf(w, "%s: ... %d differences in all\n", c.Campaign, c.Found)
				break
			}
			fmt.Fprintf(w, "%s: %s %s %s differs from the %s: expected %s, found %s\n", c.Campaign, d.Window, d.Board, d.ID, d.Against, d.Expected, d.Actual)
		}
		fmt.Fprintf(w, "%s: %d accounts recounted, %d boards compared\n", c.Campaign, c.Accounts, c.Boards)
	}
	for i, id := range r.Journal.Missing {
		if i == shownDifferences {
			break
		}
		fmt.Fprintf(w, "acknowledged but not in the ledger: %s\n", id)
	}
	for i, id := range r.Journal.Doubled {
		if i == shownDifferences {
			break
		}
		fmt.Fprintf(w, "in the ledger more than once: %s\n", id)
	}
	verdict := "equal"
	if !r.Equal() {
		verdict = "NOT EQUAL"
	}
	fmt.Fprintf(w, "%s: %d actions in the ledger, %d acknowledged in the journal, %d missing, %d doubled\n",
		verdict, r.Actions, r.Journal.Acknowledged, len(r.Journal.Missing), len(r.Journal.Doubled))
}

// Verify recounts ledgers and compares every board with them. Boards in the
// process are first built from the store, as at any start.
func (a *App) Verify(ctx context.Context, r VerifyRequest) (*VerifyReport, error) {
	campaigns, err := a.chosen(ctx, r.Campaign)
	if err != nil {
		return nil, err
	}
	report := &VerifyReport{Campaigns: []CampaignReport{}, Journal: JournalReport{Acknowledged: len(r.Journal), Missing: []string{}, Doubled: []string{}}}
	wanted := make(map[string]int, len(r.Journal))
	for _, id := range r.Journal {
		wanted[id] = 0
	}
	for _, c := range campaigns {
		if err := a.Boards.Settle(ctx, c.ID); err != nil {
			return nil, err
		}
		show := r.Progress.stages(c.ID)
		found, err := a.Boards.Verify(ctx, c.ID, leaderboard.VerifyOptions{NoWriters: !r.Live, Progress: func(p leaderboard.VerifyProgress) {
			show(p.Stage, p.Done, p.Total)
		}})
		if err != nil {
			return nil, err
		}
		report.Campaigns = append(report.Campaigns, CampaignReport{
			Campaign: c.ID, Equal: found.Equal, Accounts: found.Accounts, Boards: found.Boards, Found: found.Found, Differences: found.Differences,
		})
		for action, err := range a.Actions(ctx, c.ID) {
			if err != nil {
				return nil, err
			}
			report.Actions++
			if times, ok := wanted[action.ID]; ok {
				wanted[action.ID] = times + 1
			}
		}
	}
	for _, id := range r.Journal {
		switch times := wanted[id]; {
		case times == 0:
			report.Journal.Missing = append(report.Journal.Missing, id)
		case times > 1:
			report.Journal.Doubled = append(report.Journal.Doubled, id)
		}
	}
	return report, nil
}

func (a *App) chosen(ctx context.Context, id string) ([]*campaign.Campaign, error) {
	if id == "" {
		return a.Campaigns.All(ctx)
	}
	c, err := a.Campaigns.Get(ctx, id)
	return []*campaign.Campaign{c}, err
}

// LedgerAction is one recorded action.
type LedgerAction struct{ Account, ID string }

// Actions gives every action in a campaign's ledger in the order of recording,
// voids left out. It ends at the first error, which it yields.
func (a *App) Actions(ctx context.Context, campaignID string) iter.Seq2[LedgerAction, error] {
	return func(yield func(LedgerAction, error) bool) {
		for p, err := range a.Points.Postings(ctx, campaignID) {
			if err != nil {
				yield(LedgerAction{}, err)
				return
			}
			for _, e := range p.Actions {
				if e.Of == "" && !yield(LedgerAction{p.Account, e.ID}, nil) {
					return
				}
			}
		}
	}
}

// RebuildBoards rebuilds the boards of one campaign, or with an empty id of
// all, and tells its progress.
func (a *App) RebuildBoards(ctx context.Context, campaignID string, progress Progress) error {
	campaigns, err := a.chosen(ctx, campaignID)
	if err != nil {
		return err
	}
	for _, c := range campaigns {
		show := progress.stages(c.ID)
		err := a.Boards.Rebuild(ctx, c.ID, leaderboard.RebuildOptions{Progress: func(p leaderboard.RebuildProgress) {
			show(p.Stage, p.Done, p.Total)
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// rules implements leaderboard.Rules.
func (a *App) rules(ctx context.Context, c *campaign.Campaign) (leaderboard.Recount, error) {
	calendar, err := calendarOf(a.Campaigns, c)
	if err != nil {
		return nil, err
	}
	rules, err := a.Points.Schedule(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	return func(postings []*points.Posting) (points.Recounted, error) {
		return points.Recount(rules, calendar, postings)
	}, nil
}

// CreateCampaign creates a campaign and its first admin. Errors: Invalid
// email_invalid before anything is made, and those of campaign.Create.
func (a *App) CreateCampaign(ctx context.Context, wanted campaign.Campaign, adminEmail string) error {
	if _, err := people.NormaliseEmail(adminEmail); err != nil {
		return err
	}
	if _, err := a.Campaigns.Create(ctx, wanted); err != nil {
		return err
	}
	_, err := a.People.CreateAdmin(ctx, wanted.ID, adminEmail)
	return err
}
