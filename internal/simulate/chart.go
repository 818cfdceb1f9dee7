package simulate

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// chart is a picture of numbers, drawn by hand: 360 units wide, which is a phone, so
// that its words are as large there as the page's.
type chart struct {
	b      strings.Builder
	height float64
}

const (
	chartWidth = 360.0
	plotLeft   = 8.0
	plotRight  = 352.0
)

// html is the picture. It is hidden from readers of the screen: who puts it on a page
// names it and puts the numbers beside it.
func (c *chart) html() template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %v %s" aria-hidden="true">%s</svg>`, chartWidth, at(c.height), c.b.String())) //nolint:gosec // every text went through escape
}

// at writes a place in the picture.
func at(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

func (c *chart) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&c.b, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, at(x1), at(y1), at(x2), at(y2))
}

func (c *chart) text(class string, x, y float64, s string) {
	fmt.Fprintf(&c.b, `<text class="%s" x="%s" y="%s">%s</text>`, class, at(x), at(y), html.EscapeString(s))
}

func (c *chart) rect(class string, x, y, width, height float64) {
	fmt.Fprintf(&c.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, at(x), at(y), at(width), at(height))
}

// mark is a side's point: a disc for A, a square for B.
func (c *chart) mark(side int, x, y float64) {
	if side == 0 {
		fmt.Fprintf(&c.b, `<circle class="a" cx="%s" cy="%s" r="4"/>`, at(x), at(y))
		return
	}
	c.rect("b", x-3.5, y-3.5, 7, 7)
}

// under writes a value of an axis under its place, or beside it where it would reach
// out of the picture.
func (c *chart) under(x, y float64, s string) {
	const letter = 7.5 // is no narrower
	half := float64(len(s)) * letter / 2
	switch {
	case x-half < 0:
		c.text("tick", 1, y, s)
	case x+half > chartWidth:
		c.text("tick end", chartWidth-1, y, s)
	default:
		c.text("tick middle", x, y, s)
	}
}

// scale puts values on a line.
type scale struct {
	from, to float64 // values at the ends
	log      bool
	low      float64 // places of the ends
	high     float64
}

func (s scale) place(v float64) float64 {
	from, to := s.from, s.to
	v = min(max(v, from), to)
	if s.log {
		from, to, v = math.Log(from), math.Log(to), math.Log(v)
	}
	if to == from {
		return s.low
	}
	return s.low + (s.high-s.low)*(v-from)/(to-from)
}

// ticks are round values from end to end, about five, or the powers of ten.
func (s scale) ticks() []float64 {
	var out []float64
	if s.log {
		step := math.Ceil(math.Log10(s.to/s.from)/4 - 1e-9)
		for e := math.Round(math.Log10(s.from)); e <= math.Log10(s.to)+1e-9; e += max(1, step) {
			out = append(out, math.Pow(10, e))
		}
		return out
	}
	step := niceStep((s.to - s.from) / 5)
	for v := math.Ceil(s.from/step-1e-9) * step; v <= s.to+step*1e-9; v += step {
		out = append(out, v)
	}
	return out
}

// niceStep is the least of 1, 2 and 5 times a power of ten that is not below x.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, times := range []float64{1, 2, 5} {
		if times*power >= x*(1-1e-9) {
			return times * power
		}
	}
	return 10 * power
}

// spread is a scale from 0 over all means and intervals, or by powers of ten.
func spread(rows []row, log bool) scale {
	s := scale{log: log, low: plotLeft + 4, high: plotRight - 10}
	least := math.Inf(1)
	for _, r := range rows {
		for _, v := range []Value{r.A, r.B} {
			for _, x := range []*float64{v.Mean, v.Low, v.High} {
				if x == nil {
					continue
				}
				s.from, s.to = min(s.from, *x), max(s.to, *x)
				if *x > 0 {
					least = min(least, *x)
				}
			}
		}
	}
	if log {
		if math.IsInf(least, 0) {
			least = 1
		}
		s.from = math.Pow(10, math.Floor(math.Log10(least)+1e-9))
		s.to = math.Pow(10, max(math.Ceil(math.Log10(max(s.to, least))-1e-9), math.Log10(s.from)+1))
		return s
	}
	if s.to == s.from {
		s.to = 1
	}
	step := niceStep((s.to - s.from) / 5)
	s.from, s.to = math.Floor(s.from/step+1e-9)*step, math.Ceil(s.to/step-1e-9)*step
	return s
}

// dots draws a row for each figure: both sides' means with their intervals. fair is
// a value to mark, or not a number.
func dots(rows []row, log bool, fair float64) template.HTML {
	const each, head = 42.0, 4.0
	var c chart
	s := spread(rows, log)
	if !math.IsNaN(fair) {
		s.to = max(s.to, fair)
	}
	bottom := head + each*float64(len(rows))
	c.height = bottom + 20
	for _, tick := range s.ticks() {
		c.line("grid", s.place(tick), head, s.place(tick), bottom)
		c.under(s.place(tick), bottom+15, rows[0].tick(tick))
	}
	if !math.IsNaN(fair) {
		c.line("fair", s.place(fair), head, s.place(fair), bottom)
	}
	for i, r := range rows {
		y := head + each*float64(i)
		c.text("label halo", plotLeft, y+13, r.label)
		for side, v := range []Value{r.A, r.B} {
			yy := y + 22 + 12*float64(side)
			if v.Mean == nil || log && *v.Mean <= 0 {
				// There is no place on the line for what is not there, or for none.
				c.text("tick", plotLeft+4, yy+4, [...]string{"A ", "B "}[side]+r.show(v))
				continue
			}
			if v.Low != nil {
				c.line("whisker "+[...]string{"a", "b"}[side], s.place(*v.Low), yy, s.place(*v.High), yy)
			}
			c.mark(side, s.place(*v.Mean), yy)
		}
	}
	return c.html()
}

// tick writes a value of the axis.
func (r *row) tick(v float64) string {
	if r.unit == percent {
		return rounded(v*100, 0) + " %"
	}
	if math.Abs(v) >= 1000 {
		return grouped(int64(math.Round(v)))
	}
	return strconv.FormatFloat(math.Round(v*1000)/1000+0, 'f', -1, 64) // + 0: there is no -0
}

// curve is a figure by season.
type curve struct {
	of     []Compared
	dashed bool
}

// curves draws parts by season.
func curves(list []curve) template.HTML {
	var c chart
	c.height = 236
	x := scale{from: 1, to: float64(len(list[0].of)), low: 46, high: plotRight - 6}
	y := scale{from: 0, to: 1, low: 200, high: 8}
	for _, tick := range []float64{0, .25, .5, .75, 1} {
		c.line("grid", x.low, y.place(tick), x.high, y.place(tick))
		c.text("tick end", x.low-5, y.place(tick)+4, rounded(tick*100, 0)+" %")
	}
	step := math.Max(1, niceStep((x.to-x.from)/8))
	for n := 1.0; n <= x.to; n++ {
		if n == 1 || math.Mod(n, step) == 0 && n-1 >= step/2 {
			c.text("tick middle", x.place(n), 216, at(n))
		}
	}
	c.text("tick end", x.high, 231, "season")
	for _, line := range list {
		for side, class := range []string{"a", "b"} {
			var path, high, low []string
			var ends [][2]float64
			for i, of := range line.of {
				v := []Value{of.A, of.B}[side]
				if v.Mean == nil {
					continue
				}
				px := x.place(float64(i + 1))
				path = append(path, at(px)+" "+at(y.place(*v.Mean)))
				ends = append(ends, [2]float64{px, y.place(*v.Mean)})
				if v.Low != nil {
					high = append(high, at(px)+" "+at(y.place(*v.High)))
					low = append([]string{at(px) + " " + at(y.place(*v.Low))}, low...)
				}
			}
			if len(path) == 0 {
				continue
			}
			if len(high) > 1 {
				fmt.Fprintf(&c.b, `<path class="band %s" d="M%sZ"/>`, class, strings.Join(append(high, low...), "L"))
			}
			if line.dashed {
				class += " dashed"
			}
			fmt.Fprintf(&c.b, `<path class="curve %s" d="M%s"/>`, class, strings.Join(path, "L"))
			for i, p := range ends {
				if i == 0 || i == len(ends)-1 || i%max(1, len(ends)/6) == 0 {
					c.mark(side, p[0], p[1])
				}
			}
		}
	}
	return c.html()
}

// bars draws parts in bins, both sides' below each other.
func bars(rows []row) template.HTML {
	const each, left = 32.0, 112.0
	var c chart
	c.height = each*float64(len(rows)) + 4
	s := spread(rows, false)
	s.low, s.high = left, plotRight-48
	for i, r := range rows {
		y := 2 + each*float64(i)
		c.text("label end", left-8, y+18, r.label)
		for side, v := range []Value{r.A, r.B} {
			if v.Mean == nil {
				continue
			}
			yy := y + 2 + 13*float64(side)
			end := s.place(*v.Mean)
			c.rect([...]string{"a", "b"}[side], left, yy, max(.5, end-left), 12)
			c.text("tick", end+4, yy+10, rounded(*v.Mean*100, 1)+" %")
		}
	}
	return c.html()
}
