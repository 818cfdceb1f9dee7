package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
)

// Params are how people behave. They are documented in Documents, and Defaults are
// those of its table.
type Params struct {
	ShowUp            float64            `json:"show_up"`
	ReminderLift      float64            `json:"reminder_lift"`
	Hours             float64            `json:"hours"`
	SessionHours      float64            `json:"session_hours"`
	MostHours         float64            `json:"most_hours"`
	ActivitySigma     float64            `json:"activity_sigma"`
	HeavyUsers        float64            `json:"heavy_users"`
	RegionSigma       float64            `json:"region_sigma"`
	OwnKind           float64            `json:"own_kind"`
	GivesUp           float64            `json:"gives_up"`
	BoardEffectTop    float64            `json:"board_effect_top"`
	BoardEffectBottom float64            `json:"board_effect_bottom"`
	BoardMemory       float64            `json:"board_memory"`
	Cheaters          float64            `json:"cheaters"`
	Cheats            map[string]float64 `json:"cheats"`
	Kinds             map[string]Work    `json:"kinds"`
}

// Work is how much of people's time goes into a kind of action.
type Work struct {
	Share   float64 `json:"share"` // of sessions, over the shares of all kinds
	PerHour float64 `json:"per_hour"`
}

// Document says what a parameter is, which values are plausible, and who says so.
type Document struct {
	Name               string // as in JSON and, with hyphens, on the command line
	What               string
	Low, Default, High float64
	Least, Most        float64 // what is accepted
	Source             string
	// Assumed: no published figure stands behind the default.
	Assumed bool

	of func(*Params) *float64
}

// Documents lists the parameters that are numbers; kinds and cheats have tables of
// their own.
func Documents() []Document {
	return []Document{
		{"show_up", "Share of those who signed up who come to act at all.", .40, .50, .80, 0, 1,
			"Shifts: 40 to 80 % complete (DNC); \"assume 50 % flake\" (The Campaign Workshop).", false, func(p *Params) *float64 { return &p.ShowUp }},
		{"reminder_lift", "Part of those who would not come who do after a reminder; 0 without reminders.", .10, .19, .30, 0, 1,
			"Texts cut no-shows by 10 %, calls by 19 % (Maryland Democrats); up to 30 % claimed (Mobilize).", false, func(p *Params) *float64 { return &p.ReminderLift }},
		{"hours", "Hours a week of those who come, on average; most do much less.", 1, 2.5, 5, 0.01, 60,
			"Assumed: one shift of doors a week.", true, func(p *Params) *float64 { return &p.Hours }},
		{"session_hours", "Hours of one go.", 1.75, 2.5, 4, 0.25, 12,
			"50 doors a shift at 3 minutes a door; 35 (assumed) to 80 doors a shift.", false, func(p *Params) *float64 { return &p.SessionHours }},
		{"most_hours", "Most hours of one person on one day.", 8, 10, 14, 0.25, 24,
			"Assumed.", true, func(p *Params) *float64 { return &p.MostHours }},
		{"activity_sigma", "How unlike people are: the spread of the lognormal distribution of their hours.", 1.2, 1.6, 2, 0, 3,
			"Assumed: the heavy tail that volunteers' work has. See heavy_users for its far end.", true, func(p *Params) *float64 { return &p.ActivitySigma }},
		{"heavy_users", "Share of volunteers who make 76,000 calls in the campaign, with a machine.", 0, 0, 1e-6, 0, 1,
			"One such user per million.", false, func(p *Params) *float64 { return &p.HeavyUsers }},
		{"region_sigma", "How unlike regions are in strength: the spread of the lognormal factor on their people's hours.", .1, .3, .6, 0, 2,
			"Assumed.", true, func(p *Params) *float64 { return &p.RegionSigma }},
		{"own_kind", "Share of sessions that a person gives to the kind they do most.", .5, .7, .9, 0, 1,
			"Assumed: as in the demo.", true, func(p *Params) *float64 { return &p.OwnKind }},
		{"gives_up", "Share of those left who give up after a season, where boards move nobody.", .02, .05, .10, 0, 1,
			"Assumed.", true, func(p *Params) *float64 { return &p.GivesUp }},
		{"board_effect_top", "What a place in the board's top third adds to a person's hours in the next season.", 0, .15, .40, -.9, 3,
			"Sign from the Close the Doors experiment (CSCW 2014): top scorers did more than without a board. Size assumed.", true, func(p *Params) *float64 { return &p.BoardEffectTop }},
		{"board_effect_bottom", "The same for the bottom third.", 0, -.10, -.30, -.9, 3,
			"The same experiment: low scorers did less than without a board, and gave up. Size assumed.", true, func(p *Params) *float64 { return &p.BoardEffectBottom }},
		{"board_memory", "How much of a board's effect is left a season later. Whoever it lifts also gives up less often, whoever it sinks more often.", 0, .5, .8, 0, .95,
			"Assumed.", true, func(p *Params) *float64 { return &p.BoardMemory }},
		{"cheaters", "Share of volunteers who cheat, from their first day.", .002, .01, .03, 0, 1,
			"Assumed for volunteers; 24 % of doors were flagged in one paid programme (Guardian, 2024-10).", true, func(p *Params) *float64 { return &p.Cheaters }},
	}
}

// WorkDocument is what is known of a kind of action.
type WorkDocument struct {
	Kind               string
	Share              float64 // assumed, for every kind
	Low, Default, High float64 // of it, an hour
	Source             string
	Assumed            bool
}

// WorkDocuments lists the kinds of the first rules.
func WorkDocuments() []WorkDocument {
	return []WorkDocument{
		{"door", .34, 15, 20, 30, "4, 3 and 2 minutes a door.", false},
		{"call", .24, 20, 30, 40, "About 30 dials an hour by hand.", false},
		{"text", .18, 200, 600, 2000, "Text sends an hour; 2,000 in bulk mode.", false},
		{"data_entry", .09, 40, 60, 100, "Assumed.", true},
		{"share", .08, 2, 4, 10, "Assumed.", true},
		{"event_attended", .05, .4, .4, 1, "Assumed: one event a go.", true},
		{"signup_recruited", .02, .2, .5, 2, "Assumed.", true},
	}
}

// Defaults are the parameters of the documents' tables.
func Defaults() Params {
	p := Params{Cheats: map[string]float64{}, Kinds: map[string]Work{}}
	for _, d := range Documents() {
		*d.of(&p) = d.Default
	}
	for _, d := range WorkDocuments() {
		p.Kinds[d.Kind] = Work{Share: d.Share, PerHour: d.Default}
	}
	for _, c := range Cheats() {
		p.Cheats[c.Name] = 1
	}
	return p
}

// Value is a number of the parameters by its document's name, nil for none.
func (p *Params) Value(name string) *float64 {
	for _, d := range Documents() {
		if d.Name == name {
			return d.of(p)
		}
	}
	return nil
}

// clone shares nothing with p.
func (p Params) clone() Params {
	p.Cheats, p.Kinds = maps.Clone(p.Cheats), maps.Clone(p.Kinds)
	return p
}

// kindName is what rule sets take for a kind's name.
var kindName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// Check says what cannot be simulated, in one line that names it.
func (p *Params) Check() error {
	for _, d := range Documents() {
		if v := *d.of(p); !(v >= d.Least && v <= d.Most) {
			return fmt.Errorf("%s is %v; it must be from %v to %v", d.Name, v, d.Least, d.Most)
		}
	}
	var shares float64
	for _, kind := range slices.Sorted(maps.Keys(p.Kinds)) {
		w := p.Kinds[kind]
		if !kindName.MatchString(kind) {
			return fmt.Errorf("%q cannot be a kind: a name is 1 to 32 of a-z, 0-9 and _, a letter first", kind)
		}
		if !(w.Share >= 0 && w.Share <= 1000) {
			return fmt.Errorf("the share of %q is %v; it must be from 0 to 1000", kind, w.Share)
		}
		if !(w.PerHour > 0 && w.PerHour <= 10_000) {
			return fmt.Errorf("%q is done %v times an hour; it must be above 0 and at most 10000 (--per-hour)", kind, w.PerHour)
		}
		shares += w.Share
	}
	if !(shares > 0) {
		return fmt.Errorf("no kind of action has a share above 0: nobody would do anything")
	}
	known := Cheats()
	for _, name := range slices.Sorted(maps.Keys(p.Cheats)) {
		if !slices.ContainsFunc(known, func(c Cheat) bool { return c.Name == name }) {
			return fmt.Errorf("there is no way to cheat called %q; there are %s", name, cheatNames())
		}
		if w := p.Cheats[name]; !(w >= 0 && w <= 1000) {
			return fmt.Errorf("the share of %q among cheaters is %v; it must be from 0 to 1000", name, w)
		}
	}
	if p.Cheaters > 0 && p.cheatShares() == 0 {
		return fmt.Errorf("there are cheaters and no way to cheat with a share above 0")
	}
	return nil
}

func (p *Params) cheatShares() (sum float64) {
	for _, c := range Cheats() {
		sum += p.Cheats[c.Name]
	}
	return sum
}

// paramsFile is a file of parameters. What it leaves out keeps its default; a table
// that it names replaces the default's whole. Notes are for who reads it.
type paramsFile struct {
	Notes map[string]string `json:"notes,omitempty"`
	Params
}

// ReadParams reads a file that WriteParams made, or part of one. A name that is no
// parameter is refused.
func ReadParams(r io.Reader) (Params, error) {
	p := Defaults()
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return p, err
	}
	if err := strict(raw, &paramsFile{}); err != nil {
		return p, err
	}
	var tables struct{ Kinds, Cheats json.RawMessage }
	if err := json.Unmarshal(raw, &tables); err != nil {
		return p, err
	}
	if tables.Kinds != nil {
		p.Kinds = map[string]Work{}
	}
	if tables.Cheats != nil {
		p.Cheats = map[string]float64{}
	}
	file := paramsFile{Params: p}
	if err := json.Unmarshal(raw, &file); err != nil {
		return p, err
	}
	return file.Params, file.Check()
}

// maxFile bounds a file of parameters or rules, in bytes.
const maxFile = 1 << 20

// strict decodes one JSON value, and refuses names that the target does not have.
func strict(raw []byte, into any) error {
	if len(raw) > maxFile {
		return fmt.Errorf("the file is larger than %d bytes", maxFile)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("there is more than one JSON value")
	}
	return nil
}

// WriteParams writes a file to edit: the values, and beside them what each means,
// what is plausible, and its source.
func WriteParams(w io.Writer, p Params) error {
	notes := map[string]string{}
	for _, d := range Documents() {
		notes[d.Name] = d.Note()
	}
	for _, d := range WorkDocuments() {
		notes["kinds."+d.Kind] = fmt.Sprintf("An hour: low %v, default %v, high %v. %s The share of people's goes is assumed.", d.Low, d.Default, d.High, d.Source)
	}
	for _, c := range Cheats() {
		notes["cheats."+c.Name] = c.What + " The number is its share among cheaters; assumed."
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(paramsFile{Notes: notes, Params: p})
}

// Note is what a person should know of a parameter, in one line.
func (d *Document) Note() string {
	return fmt.Sprintf("%s Low %v, default %v, high %v. %s", d.What, d.Low, d.Default, d.High, d.Source)
}
