package simulate

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

//go:embed report.html
var page string

// pageTemplate is parsed once; a test renders it.
var pageTemplate = template.Must(template.New("report").Parse(page))

// figure is a chart with its words and its numbers.
type figure struct {
	Title   string
	Caption string
	Chart   template.HTML
	Table   table
}

// table is a head and rows, of which the first cell is the row's name.
type table struct {
	Name    string
	Figures bool // short numbers, which must not be broken
	Head    []string
	Rows    [][]string
}

// Class says how it fits a phone: figures do, and so do few columns; else a row
// becomes a list of its cells.
func (t table) Class() string {
	switch {
	case t.Figures:
		return "figures"
	case len(t.Head) > 3:
		return "wide"
	}
	return "words"
}

// part is a chapter of the page.
type part struct {
	ID, Title string
	Text      []string
	Figures   []figure
	Tables    []table
}

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	return pageTemplate.Execute(w, struct {
		*Report
		Setting, Explained string
		Short              []string
		Parts              []part
	}{r, r.Setting(), explained, r.short(), r.parts()})
}

// numbers are the rows of a table of both sides.
func numbers(name, what string, rows []row) table {
	t := table{Name: name, Figures: true, Head: []string{what, "A", "B", "B less A"}}
	for _, row := range rows {
		difference := row.difference()
		if mark := row.mark(); mark != "" {
			difference += " " + mark
		}
		t.Rows = append(t.Rows, []string{row.label, row.show(row.A), row.show(row.B), difference})
	}
	return t
}

// short is the report in some sentences.
func (r *Report) short() []string {
	var out []string
	worst := func(t *Thirds) string {
		if t.WorstA == nil {
			return "too few regions to say"
		}
		return fmt.Sprintf("%s (A) and %s (B)", rounded(*t.WorstA, 2), rounded(*t.WorstB, 2))
	}
	out = append(out, fmt.Sprintf("Fairness: with equally strong regions, the most that a size third holds of a top or bottom tenth is %s times its share inside leagues, and by sums %s.", worst(&r.Fairness.Leagues), worst(&r.Fairness.Sums)))
	say := func(what string, c Compared, u unit) {
		row := row{c, what, u}
		judge := "luck may explain the difference"
		if c.Differs() {
			judge = "the rules, or the parameters, make the difference"
		}
		if c.Difference.Low == nil {
			judge = "no interval: too few runs"
		} else if *c.Difference.Low == 0 && *c.Difference.High == 0 {
			judge = "no difference at all"
		}
		out = append(out, fmt.Sprintf("%s: %s (A), %s (B). B less A: %s; %s.", what, row.show(c.A), row.show(c.B), row.difference(), judge))
	}
	say(fmt.Sprintf("Of the bottom half of the first season, %% still active in season %d", r.Seasons), r.Participation.Last, percent)
	say("What a cheater gets in a week, in honest medians", r.Cheats[len(r.Cheats)-1].Yield, times)
	say("Part of the top tenth that cheaters hold, %", r.Cheats[len(r.Cheats)-1].Held, percent)
	say("Inequality of points at the end (Gini, 0 is equal)", r.Points.Gini, times)
	say("Lead changes of a duel", r.Rivalry.LeadChanges, times)
	return out
}

// parts are the chapters.
func (r *Report) parts() []part {
	return []part{r.fairness(), r.participation(), r.cheating(), r.distribution(), r.rivalry(), r.played(), r.assumed()}
}

func (r *Report) fairness() part {
	rows := func(t *Thirds) []row {
		var rows []row
		for i, name := range thirdNames {
			rows = append(rows, row{t.Top[i], name + " third: top tenth", times}, row{t.Bottom[i], name + " third: bottom tenth", times})
		}
		return rows
	}
	draw := func(title, caption string, t *Thirds) figure {
		return figure{title, caption, dots(rows(t), false, 1), numbers(title, "Share of the extreme places, over its share of the regions", rows(t))}
	}
	truth := []row{{r.Truth.Fair, "fair index", fine}, {r.Truth.Means, "points a member", fine}, {r.Truth.Sums, "sums", fine}}
	return part{
		ID: "fairness", Title: "Fairness by size",
		Text: []string{"In these seasons all regions are equally strong, so luck alone decides who is first and last. At 1 a third of the regions by size holds its share of those places; above, it is favoured or exposed by its size."},
		Figures: []figure{
			draw("Inside leagues, by the fair index", "As boards compare regions. The line at 1 is fair.", &r.Fairness.Leagues),
			draw("By sums, for comparison", "What a plain sum would make of the same seasons.", &r.Fairness.Sums),
			{"Nearness to the truth", "Rank correlation of what is shown with the regions' true strength, in seasons of unlike regions: 1 is the truth, 0 is noise.", dots(truth, false, math.NaN()), numbers("Nearness to the truth", "By", truth)},
		},
		Tables: []table{
			numbers("By the fair index without leagues", "Share of the extreme places, over its share of the regions", rows(&r.Fairness.Together)),
			numbers("By points a member without leagues", "Share of the extreme places, over its share of the regions", rows(&r.Fairness.Means)),
		},
	}
}

func (r *Report) participation() part {
	seasons := func(name string, of []Compared) table {
		var rows []row
		for n, c := range of {
			rows = append(rows, row{c, strconv.Itoa(n + 1), percent})
		}
		return numbers(name, "Season", rows)
	}
	return part{
		ID: "participation", Title: "Who is still there",
		Text: []string{fmt.Sprintf("Who acted in the first season is cut into halves by its points. A board lifts its top third (by %s for A, %s for B) and sinks its bottom third (%s, %s), so what rules pay for decides who is sunk. The sign is measured, the size is assumed.",
			part100(r.A.Params.BoardEffectTop), part100(r.B.Params.BoardEffectTop), part100(r.A.Params.BoardEffectBottom), part100(r.B.Params.BoardEffectBottom))},
		Figures: []figure{{
			"Part that acted, by season", "Solid: the bottom half of the first season, in which all of both halves acted. Dashed: its top half. Bands are 95 % intervals.",
			curves([]curve{{r.Participation.Top, true}, {r.Participation.Bottom, false}}), seasons("Bottom half of the first season, % that acted", r.Participation.Bottom),
		}},
		Tables: []table{seasons("All who signed up, % that acted", r.Participation.Members)},
	}
}

func part100(v float64) string {
	s := rounded(v*100, 1)
	if v > 0 {
		s = "+" + s
	}
	return s + " %"
}

func (r *Report) cheating() part {
	var yield, unearned, held, chance []row
	what := table{Name: "The ways to cheat", Head: []string{"Way", "What is done"}}
	for _, c := range r.Cheats {
		yield = append(yield, row{c.Yield, c.Name, times})
		unearned = append(unearned, row{c.Unearned, c.Name, times})
		held = append(held, row{c.Held, c.Name, percent})
		chance = append(chance, row{c.TopTenth, c.Name, percent})
		what.Rows = append(what.Rows, []string{c.Name, c.What})
	}
	const medians = "In honest medians a week"
	return part{
		ID: "cheating", Title: "What cheating brings",
		Text: []string{
			fmt.Sprintf("Cheaters are %s (A) and %s (B) of the volunteers. Daily caps and cool-downs of the rules apply to them; no check holds anything back here, and no lead looks.", strings.TrimPrefix(part100(r.A.Params.Cheaters), "+"), strings.TrimPrefix(part100(r.B.Params.Cheaters), "+")),
			"Unearned are the points that no work stands behind: 0 where cheating gains nothing.",
		},
		Figures: []figure{
			{"Points of a cheater's week", "Over the median week of the honest; the axis is in powers of ten.", dots(yield, true, 1), numbers("Points of a cheater's week", medians, yield)},
			{"Places that cheaters hold", "Part of the top tenth of people that is held by each way.", dots(held, false, math.NaN()), numbers("Part of the top tenth that they hold, %", "Way", held)},
		},
		Tables: []table{numbers("Unearned points of a cheater's week", medians, unearned), numbers("Chance to be among the top tenth, %", "Way", chance), what},
	}
}

// Name is how a bin is called.
func (b *Bin) Name() string {
	switch {
	case b.From == 0:
		return "0"
	case b.To == 0:
		return "from " + grouped(b.From)
	}
	return grouped(b.From) + " to " + grouped(b.To-1)
}

func (r *Report) distribution() part {
	var bins, ends []row
	for _, b := range r.Points.Bins {
		bins = append(bins, row{b.Part, b.Name(), percent})
	}
	for _, q := range r.Points.Quantiles {
		ends = append(ends, row{q.Points, q.Name(), whole})
	}
	figures := []row{{r.Points.AWeek, "Mean of a week", whole}, {r.Points.Median, "Median of a week, of the honest", whole}, {r.Points.Gini, "Gini at the end", times}}
	return part{
		ID: "points", Title: "How points are distributed",
		Figures: []figure{
			{"Points of a week", "Of those who acted in it.", bars(bins), numbers("Points of a week, % of those who acted", "Points", bins)},
			{fmt.Sprintf("Points after %d seasons", r.Seasons), "By part of the people who ever acted; the axis is in powers of ten.", dots(ends, true, math.NaN()), numbers("Points at the end", "People", ends)},
		},
		Tables: []table{numbers("In one figure", "Of those who acted", figures)},
	}
}

func (r *Report) rivalry() part {
	for _, s := range r.sections() {
		if s.title == "Rivalry" {
			return part{
				ID: "rivalry", Title: "Is there something to win?",
				Text:   []string{"Duels are matched as the boards match them, between near-equals. Where the same ones always win, the others stop looking; 50 % is a toss-up."},
				Tables: []table{numbers("Duels, leaders, promotions", "Figure", s.rows)},
			}
		}
	}
	return part{} // sections has it: a test renders the page
}

func (r *Report) played() part {
	t := table{Name: "Leagues of the first season, by volunteers signed up", Head: []string{"League", "Regions", "Largest", "Smallest"}}
	for _, l := range r.Ground.Leagues {
		t.Rows = append(t.Rows, []string{strconv.Itoa(l.Number), grouped(int64(l.Regions)), fmt.Sprintf("%s (%s)", l.LargestName, grouped(l.Largest)), fmt.Sprintf("%s (%s)", l.SmallestName, grouped(l.Smallest))})
	}
	text := []string{r.Setting()}
	if r.Ground.Sizes != "" {
		text = append(text, "Sizes of the regions: "+r.Ground.Sizes+".")
	}
	return part{ID: "regions", Title: "Where it was played", Text: text, Tables: []table{t}}
}

func (r *Report) assumed() part {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	t := table{Name: "How people behave", Head: []string{"Parameter", "A", "B", "Low, default, high", "What, and who says so"}}
	for _, d := range Documents() {
		t.Rows = append(t.Rows, []string{d.Name, number(*d.of(&r.A.Params)), number(*d.of(&r.B.Params)), number(d.Low) + ", " + number(d.Default) + ", " + number(d.High), d.What + " " + d.Source})
	}
	sources := map[string]string{}
	for _, d := range WorkDocuments() {
		sources[d.Kind] = fmt.Sprintf("An hour: %s, %s, %s. %s", number(d.Low), number(d.Default), number(d.High), d.Source)
	}
	kinds := table{Name: "What people do (shares are assumed)", Head: []string{"Kind", "A: share, an hour", "B: share, an hour", "Low, default, high, and who says so"}}
	both := maps.Clone(r.A.Params.Kinds)
	maps.Copy(both, r.B.Params.Kinds)
	show := func(p *Params, kind string) string {
		w, ok := p.Kinds[kind]
		if !ok {
			return nothing
		}
		return number(w.Share) + ", " + number(w.PerHour)
	}
	for _, kind := range slices.Sorted(maps.Keys(both)) {
		source := sources[kind]
		if source == "" {
			source = "Given for this simulation."
		}
		kinds.Rows = append(kinds.Rows, []string{kind, show(&r.A.Params, kind), show(&r.B.Params, kind), source})
	}
	return part{ID: "assumed", Title: "What was assumed", Text: r.Notes, Tables: []table{t, kinds}}
}
