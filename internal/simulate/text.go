package simulate

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(out, "A: %s\nB: %s\n%s\n\n", r.A.Name, r.B.Name, r.Setting())
	for _, s := range r.sections() {
		fmt.Fprintf(out, "%s\tA\tB\tB less A\t\n", s.title)
		for _, row := range s.rows {
			fmt.Fprintf(out, "  %s\t%s\t%s\t%s\t%s\n", row.label, row.show(row.Compared.A), row.show(row.Compared.B), row.difference(), row.mark())
		}
		fmt.Fprintln(out, "\t\t\t\t")
	}
	fmt.Fprintln(out, explained)
	for _, note := range append(slices.Clone(r.Notes), r.Credits...) {
		fmt.Fprintln(out, "- "+note)
	}
	return out.Flush()
}

// Setting says what was played, in one sentence.
func (r *Report) Setting() string {
	return fmt.Sprintf("%s: %s volunteers in %s, %s of %s, seed %d.", r.Ground.Name, grouped(int64(r.Volunteers)), count(r.Ground.Regions, "region"), count(r.Runs, "campaign"), count(r.Seasons, "season"), r.Seed)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped(int64(n)) + " " + what
}

// row is a figure with its name and how it is written.
type row struct {
	Compared
	label string
	unit  unit
}

type unit int

const (
	times   unit = iota // 1.23
	fine                // 0.123
	percent             // 12.3, of 100
	whole               // 1,234
)

// section is a group of rows that are looked at together.
type section struct {
	title string
	rows  []row
}

// thirdNames are the thirds of a league by size.
var thirdNames = [3]string{"smallest", "middle", "largest"}

// sections are the report's figures in their order.
func (r *Report) sections() []section {
	fair := func(title string, t *Thirds) section {
		s := section{title: title}
		for i, name := range thirdNames {
			s.rows = append(s.rows, row{t.Top[i], name + " third, top tenth", times}, row{t.Bottom[i], name + " third, bottom tenth", times})
		}
		return s
	}
	cheats := section{title: "What cheating brings, in honest medians a week"}
	held := section{title: "Cheaters in the top tenth, %"}
	for _, c := range r.Cheats {
		cheats.rows = append(cheats.rows, row{c.Yield, c.Name, times}, row{c.Unearned, c.Name + ", unearned", times})
		held.rows = append(held.rows, row{c.TopTenth, c.Name + ", chance to be in it", percent}, row{c.Held, c.Name + ", part they hold", percent})
	}
	points := section{title: "Points", rows: []row{
		{r.Points.AWeek, "mean of a week, of those who acted", whole}, {r.Points.Median, "median of a week, of the honest", whole}, {r.Points.Gini, "inequality at the end (Gini)", times},
	}}
	for _, q := range r.Points.Quantiles {
		points.rows = append(points.rows, row{q.Points, q.Name() + " at the end", whole})
	}
	return []section{
		fair("Fairness in leagues (1 is fair)", &r.Fairness.Leagues), fair("Fairness by sums, for comparison", &r.Fairness.Sums),
		{"Nearness to the truth (rank correlation)", []row{{r.Truth.Fair, "fair index", fine}, {r.Truth.Means, "points a member", fine}, {r.Truth.Sums, "sums", fine}}},
		{"Who is there in the last season, %", []row{
			{r.Participation.Last, "bottom half of the first season", percent}, {r.Participation.Top[r.Seasons-1], "top half of the first season", percent}, {r.Participation.Members[r.Seasons-1], "all who signed up", percent},
		}},
		cheats, held, points,
		{"Rivalry", []row{
			{r.Rivalry.LeadChanges, "lead changes of a duel", times}, {r.Rivalry.Changed, "duels with one, %", percent}, {r.Rivalry.SameWinner, "who won a duel wins the next, %", percent}, {r.Rivalry.WinsGini, "inequality of wins (Gini)", times},
			{r.Rivalry.SameSum, "leader by sums leads again, %", percent}, {r.Rivalry.SameFair, "leader of a league leads again, %", percent}, {r.Rivalry.Promotions, "promotions a season", times}, {r.Rivalry.Promoted, "regions ever promoted, %", percent},
		}},
	}
}

// Name is how a quantile is called.
func (q *Quantile) Name() string {
	switch q.Part {
	case .5:
		return "median"
	case 1:
		return "the most"
	}
	return strconv.FormatFloat(q.Part*100, 'f', -1, 64) + " % have at most"
}

const nothing = "–"

// explained is what a reader must know of the differences.
const explained = "B less A, with its 95 % interval; * marks an interval that leaves out 0. Of a hundred differences that are none, five are marked by luck."

func (r *row) show(v Value) string { return r.number(v.Mean, false) }

func (r *row) number(v *float64, signed bool) string {
	if v == nil {
		return nothing
	}
	s := r.write(*v)
	if signed && *v > 0 && strings.Trim(s, "0.") != "" {
		return "+" + s
	}
	return s
}

func (r *row) write(x float64) string {
	switch {
	case r.unit == percent:
		return rounded(x*100, 1)
	case r.unit == fine:
		return rounded(x, 3)
	case r.unit == whole && math.Abs(x) >= 100:
		return grouped(int64(math.Round(x)))
	case r.unit == whole:
		return rounded(x, 1)
	}
	return rounded(x, 2)
}

// rounded has no minus before nothing.
func rounded(x float64, digits int) string {
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// grouped writes thousands apart.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// difference is B less A with its interval.
func (r *row) difference() string {
	d := r.Compared.Difference
	if d.Mean == nil {
		return nothing
	}
	if d.Low == nil {
		return r.number(d.Mean, true)
	}
	return fmt.Sprintf("%s (%s to %s)", r.number(d.Mean, true), r.number(d.Low, true), r.number(d.High, true))
}

func (r *row) mark() string {
	if r.Differs() {
		return "*"
	}
	return ""
}
