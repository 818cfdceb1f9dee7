package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/app"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/liguria"
	"github.com/musterhq/muster/internal/outfile"
	"github.com/musterhq/muster/internal/simulate"
)

type simulateCmd struct {
	documents `embed:""`

	Rules   string `help:"Rule set A: first (the rules every campaign begins with), the id of a stored one (with --campaign), or a file of JSON as POST rule-sets takes it." default:"first" placeholder:"SET"`
	Against string `help:"Rule set B, in the same ways. Empty: A's, to compare parameters." placeholder:"SET"`

	Campaign string `help:"Play on this campaign's regions, from --data or --mongo-url. Without it and without --regions: on Liguria, the demo's ground." placeholder:"ID"`
	Regions  string `help:"Play on the regions of a postcode file, as import postcodes takes it; a column population gives their sizes." placeholder:"FILE"`
	Country  string `help:"Of --regions, as in import postcodes." placeholder:"CC"`
	Within   string `help:"Of --regions, as in import postcodes." placeholder:"ID"`
	Depth    string `help:"Of --regions, as in import postcodes." placeholder:"LEVEL"`
	Sizes    string `help:"How unlike regions are in size: by population (2 volunteers for 1,000 people, 20 at least), by members signed up, by postcodes, or equal. auto takes the first of them that is known." enum:"auto,population,members,postcodes,equal" default:"auto"`

	Seasons    int    `help:"Seasons of a campaign, a week each." default:"12"`
	Runs       int    `help:"How often the campaign is played with other people; intervals are over these." default:"20"`
	Volunteers int    `help:"How many sign up, over all regions. 0: as many as the sizes say; by postcodes or equal, 20 a region." default:"0"`
	Seed       uint64 `help:"The same seed, files and flags give the same report." default:"1"`

	Params        string `help:"Parameters of behaviour for both sides, a file that --print-params made." placeholder:"FILE"`
	AgainstParams string `help:"Parameters of side B, where they are others." placeholder:"FILE"`
	PrintParams   bool   `help:"Print the parameters as a file to edit, with what each means and its source, and exit."`
	behaviour     `embed:""`

	JSON  bool   `name:"json" help:"Print the report as one object of JSON."`
	HTML  string `name:"html" help:"Write the report as a page with plots to this file." placeholder:"FILE"`
	Force bool   `help:"Write over the file of --html if it exists."`
}

// behaviour are flags that change one parameter on both sides. What each means is
// written once, in simulate.Documents.
type behaviour struct {
	ShowUp            *float64 `help:"${simulate_show_up}" placeholder:"N"`
	ReminderLift      *float64 `help:"${simulate_reminder_lift}" placeholder:"N"`
	Hours             *float64 `help:"${simulate_hours}" placeholder:"N"`
	SessionHours      *float64 `help:"${simulate_session_hours}" placeholder:"N"`
	MostHours         *float64 `help:"${simulate_most_hours}" placeholder:"N"`
	ActivitySigma     *float64 `help:"${simulate_activity_sigma}" placeholder:"N"`
	HeavyUsers        *float64 `help:"${simulate_heavy_users}" placeholder:"N"`
	RegionSigma       *float64 `help:"${simulate_region_sigma}" placeholder:"N"`
	OwnKind           *float64 `help:"${simulate_own_kind}" placeholder:"N"`
	GivesUp           *float64 `help:"${simulate_gives_up}" placeholder:"N"`
	BoardEffectTop    *float64 `help:"${simulate_board_effect_top}" placeholder:"N"`
	BoardEffectBottom *float64 `help:"${simulate_board_effect_bottom} Write it with =, as in --board-effect-bottom=-0.2." placeholder:"N"`
	BoardMemory       *float64 `help:"${simulate_board_memory}" placeholder:"N"`
	Cheaters          *float64 `help:"${simulate_cheaters}" placeholder:"N"`

	Mix     map[string]float64 `help:"What people do: the share of each kind, as in --mix door=0.5,call=0.5; kinds that are not named are not done." mapsep:"," placeholder:"KIND=SHARE,..."`
	PerHour map[string]float64 `help:"How much of a kind is done in an hour, as in --per-hour door=15; see --print-params for the sources of the defaults." mapsep:"," placeholder:"KIND=N,..."`
	Cheats  map[string]float64 `help:"How cheaters cheat: the share of each way; see --print-params for the ways." mapsep:"," placeholder:"WAY=SHARE,..."`
}

// simulateHelp is what the flags' help is made of.
func simulateHelp() kong.Vars {
	vars := kong.Vars{}
	for _, d := range simulate.Documents() {
		vars["simulate_"+d.Name] = d.Note()
	}
	return vars
}

// Run plays and reports.
func (c *simulateCmd) Run(env *environment) (err error) {
	o := simulate.Options{Seasons: c.Seasons, Runs: c.Runs, Volunteers: c.Volunteers, Seed: c.Seed}
	if o.A.Params, o.B.Params, err = c.parameters(); err != nil {
		return err
	}
	if c.PrintParams {
		return simulate.WriteParams(env.out, o.A.Params)
	}
	var page *outfile.Work
	if c.HTML != "" {
		if page, err = outfile.Begin(c.HTML, c.Force); err != nil {
			return usagef("--html: %v", err)
		}
		defer func() { err = errors.Join(err, page.Close()) }()
	}
	remarks, err := c.prepare(env, &o)
	if err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return usagef("%s", said(err))
	}
	for _, remark := range remarks {
		fmt.Fprintln(env.err, remark)
	}
	bars := newBars(env)
	if bars.progress != nil {
		o.Progress = func(done, total int) { bars.progress("campaigns played", int64(done), int64(total)) }
	}
	report, err := simulate.Run(env.ctx, o)
	bars.finish()
	if err != nil {
		return err
	}
	if page != nil {
		if err := writePage(page, report); err != nil {
			return err
		}
		fmt.Fprintf(env.err, "Wrote %s.\n", c.HTML)
	}
	if c.JSON {
		return json.NewEncoder(env.out).Encode(report)
	}
	return report.WriteText(env.out)
}

func writePage(page *outfile.Work, report *simulate.Report) error {
	file, err := page.Create("report.html")
	if err != nil {
		return err
	}
	if err := report.WriteHTML(file); err != nil {
		return errors.Join(err, file.Close())
	}
	return page.Commit(file)
}

// parameters are both sides': of files, and over them of flags.
func (c *simulateCmd) parameters() (a, b simulate.Params, err error) {
	read := func(flag, path string, p simulate.Params) (simulate.Params, error) {
		if path != "" {
			if err := fromFile(path, func(r io.Reader) (err error) { p, err = simulate.ReadParams(r); return err }); err != nil {
				return p, usagef("%s %s: %s", flag, path, said(err))
			}
		}
		c.change(&p)
		if err := p.Check(); err != nil {
			return p, usagef("%s", said(err))
		}
		return p, nil
	}
	if a, err = read("--params", c.Params, simulate.Defaults()); err != nil {
		return a, b, err
	}
	b, err = read("--against-params", c.AgainstParams, a)
	return a, b, err
}

// change puts what flags say into the parameters.
func (c *behaviour) change(p *simulate.Params) {
	for name, v := range map[string]*float64{
		"show_up": c.ShowUp, "reminder_lift": c.ReminderLift, "hours": c.Hours, "session_hours": c.SessionHours, "most_hours": c.MostHours,
		"activity_sigma": c.ActivitySigma, "heavy_users": c.HeavyUsers, "region_sigma": c.RegionSigma, "own_kind": c.OwnKind, "gives_up": c.GivesUp,
		"board_effect_top": c.BoardEffectTop, "board_effect_bottom": c.BoardEffectBottom, "board_memory": c.BoardMemory, "cheaters": c.Cheaters,
	} {
		if v != nil {
			*p.Value(name) = *v
		}
	}
	if c.Cheats != nil {
		p.Cheats = maps.Clone(c.Cheats)
	}
	if c.Mix != nil {
		kinds := map[string]simulate.Work{}
		for kind, share := range c.Mix {
			kinds[kind] = simulate.Work{Share: share, PerHour: p.Kinds[kind].PerHour}
		}
		p.Kinds = kinds
	} else {
		p.Kinds = maps.Clone(p.Kinds)
	}
	for kind, rate := range c.PerHour {
		p.Kinds[kind] = simulate.Work{Share: p.Kinds[kind].Share, PerHour: rate}
	}
}

// prepare finds the regions and the rules, and opens the data if either is there.
// Its remarks are for whoever asked.
func (c *simulateCmd) prepare(env *environment, o *simulate.Options) (remarks []string, err error) {
	var a *app.App
	if c.Campaign != "" {
		if a, err = c.storage().openExisting(env.ctx, env); err != nil {
			return nil, err
		}
		defer a.Close()
		if _, err := a.Campaigns.Get(env.ctx, c.Campaign); errs.KindOf(err) == errs.NotFound {
			return nil, usagef("--campaign %s: %s", c.Campaign, said(err))
		} else if err != nil {
			return nil, err
		}
	}
	if remarks, err = c.ground(env, a, o); err != nil {
		return nil, err
	}
	if o.A.Rules, err = c.rules(env.ctx, a, "--rules", c.Rules); err != nil {
		return nil, err
	}
	o.B.Rules = o.A.Rules
	switch {
	case c.Against != "":
		if o.B.Rules, err = c.rules(env.ctx, a, "--against", c.Against); err != nil {
			return nil, err
		}
	case c.AgainstParams == "":
		remarks = append(remarks, "Nothing to compare: A and B are the same. Name another rule set with --against, or other parameters with --against-params.")
	}
	if a != nil {
		return remarks, a.Close()
	}
	return remarks, nil
}

// rules finds a rule set by what a flag says.
func (c *simulateCmd) rules(ctx context.Context, a *app.App, flag, name string) (simulate.Rules, error) {
	if name == "first" {
		return simulate.FirstRules(), nil
	}
	var rules simulate.Rules
	_, missing := os.Stat(name)
	if missing == nil || strings.HasSuffix(name, ".json") {
		if err := fromFile(name, func(r io.Reader) (err error) { rules, err = simulate.ReadRules(r); return err }); err != nil {
			return rules, usagef("%s %s: %s", flag, name, said(err))
		}
		return rules, nil
	}
	if a == nil {
		return rules, usagef("%s %s: there is no such file, and a stored rule set is found with --campaign", flag, name)
	}
	edition, err := a.Points.RuleSet(ctx, c.Campaign, name)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return rules, usagef("%s %s: there is no such file and no such rule set in the campaign %s", flag, name, c.Campaign)
	case err != nil:
		return rules, plain(err)
	}
	return simulate.Rules{Name: edition.Name, Set: edition.Rules}, nil
}

// ground finds the regions and their sizes.
func (c *simulateCmd) ground(env *environment, a *app.App, o *simulate.Options) (remarks []string, err error) {
	var leaves []campaign.Leaf
	var signedUp map[string]int
	switch {
	case c.Regions != "":
		o.Ground = "Regions of " + filepath.Base(c.Regions)
		leaves, remarks, err = c.file(env.ctx)
	case a != nil:
		o.Ground = "Campaign " + c.Campaign
		if leaves, err = a.Campaigns.Leaves(env.ctx, c.Campaign); err == nil {
			signedUp, err = c.members(env, a)
		}
	default:
		remarks = append(remarks, "No --campaign and no --regions: playing on Liguria, the demo's ground.")
		o.Ground = liguria.CampaignName
		o.Credits = []string{liguria.PostcodesAttribution, liguria.ComuniAttribution}
		leaves, _, err = campaign.ReadLeaves(env.ctx, liguria.Options(), liguria.Rows())
	}
	if err != nil {
		return nil, plain(err)
	}
	sizes, err := simulate.SizesOf(c.Sizes, leaves, signedUp)
	if err != nil {
		return nil, usagef("--sizes: %v", err)
	}
	o.Places, o.Sizes = sizes.Places, sizes.Source
	return remarks, nil
}

// file reads the regions of --regions.
func (c *simulateCmd) file(ctx context.Context) (leaves []campaign.Leaf, remarks []string, err error) {
	var report campaign.Report
	err = fromFile(c.Regions, func(r io.Reader) (err error) {
		leaves, report, err = campaign.ReadLeaves(ctx, campaign.ImportOptions{Country: c.Country, Within: c.Within, Depth: campaign.Depth(c.Depth)}, r)
		return err
	})
	if err != nil {
		return nil, nil, usagef("--regions %s: %s", c.Regions, said(err))
	}
	if n := len(report.Refused) - report.Reasons()[campaign.OutsideRoot]; n > 0 {
		remarks = append(remarks, fmt.Sprintf("%d of %d rows are left out; muster import postcodes --dry-run says why.", n, report.Rows))
	}
	return leaves, remarks, nil
}

// members counts who is signed up, by leaf: every account where it last was.
func (c *simulateCmd) members(env *environment, a *app.App) (map[string]int, error) {
	home := map[string]string{}
	for p, err := range a.Points.Postings(env.ctx, c.Campaign) {
		if err != nil {
			return nil, err
		}
		home[p.Account] = p.State.Home.Region
	}
	count := map[string]int{}
	for _, region := range home {
		count[region]++
	}
	return count, nil
}

// fromFile reads a file of the caller's.
func fromFile(path string, read func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return read(file)
}

// said is what an error says to people: of the domain's, the sentence alone.
func said(err error) string {
	if errs.CodeOf(err) != "" {
		return errs.MessageOf(err)
	}
	return err.Error()
}
