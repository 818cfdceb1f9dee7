package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Check names what a finding is about. It is documented API, and the reason that
// the ledger keeps.
type Check string

// The checks.
const (
	Speed         Check = "speed"             // located actions further apart than anybody travels
	Pace          Check = "doors_per_minute"  // more doors than anybody knocks at
	ContactRate   Check = "contact_rate"      // nearly every attempt reached somebody
	AnswerEntropy Check = "answer_entropy"    // nearly every answer is the same
	Overlap       Check = "overlap"           // in two places at the same time
	SharedDevice  Check = "shared_device"     // one device, many accounts
	ReferralRing  Check = "referral_ring"     // people who recruited each other, or on one device
	AfterMidnight Check = "after_midnight"    // doors and calls while people sleep
	MockLocation  Check = "mock_location"     // the phone says that its place was set by an app
	PartnerDenied Check = "partner_disagrees" // the named partner says it was not so
)

// Act is an action as the checks see it.
type Act struct {
	ID, Kind string
	Quantity int64
	At       time.Time // when it was done
	Minute   int       // of the person's day, 0 to 1439
	Evidence *Evidence // nil where none was given
	// Held: it is withheld already. It is looked at beside the others and found
	// no more.
	Held bool
}

// Window is the recent days of one person. What was voided is not in it, nor what
// somebody cleared.
type Window struct {
	Acts []Act // by At
	// Devices says how each device of the evidence is used.
	Devices map[string]DeviceUse
	// Mates share a device with the person. What they confirm counts for nothing.
	Mates map[string]bool
	// Upline are those who recruited the person, those who recruited them, and so
	// on, and since when that is said.
	Upline map[string]time.Time
	// Cleared are checks whose finding somebody cleared of this person not long
	// ago: each counts for less.
	Cleared map[Check]bool
}

// DeviceUse is who uses a device.
type DeviceUse struct {
	Accounts int // that were seen on it
	Hour     int // the most different ones that acted on it within one hour
}

// Finding is what one check found.
type Finding struct {
	Check Check `bson:"check"`
	// Enough: it holds the actions alone. Otherwise a second check must find
	// something too.
	Enough  bool     `bson:"enough,omitempty"`
	Actions []string `bson:"actions"`
	Text    string   `bson:"text"` // for the person and their lead
}

// The limits, each with its source: field.md's figures where there is one. They
// were set on simulated people of one seed and are held on others; see
// simulate_test.go and docs/gamification.md.
const (
	// topSpeed is faster than any train; who flies loses time at both ends.
	topSpeed  = 100.0 // m/s
	farApart  = 1000  // m that places must be apart, beyond their accuracies
	trueError = 3     // times the accuracy a phone claims, which is of two in three
	// A phone that shows an old place may do so for some actions.
	jumpLength  = 5
	jumpsEnough = 3
	// One of anything is a mistake: a timer left running, the place of an hour ago.
	oddEnough = 2

	// A canvass takes 2 to 4 minutes a door; on an empty staircase it may be four
	// doors at once, for some minutes. 100 doors in 2 minutes was a fake.
	stretch       = 10 * time.Minute
	stretchEnough = 80 // doors
	stretchHint   = 55
	lump          = 5 // a larger quantity was counted afterwards, at no particular time
	// A shift of three hours is 50 to 80 doors; above 320 a day pays nothing.
	dayEnough = 480
	dayHint   = 330

	// 10 to 30 of 100 doors open; near 100 was a fake.
	contactsOf     = 40 // attempts, the fewest a rate is made of
	contactsEnough = 0.88
	contactsHint   = 0.65

	answersOf     = 25 // the fewest
	answersSure   = 50
	entropyEnough = 0.10 // bits
	entropyHint   = 0.25

	placesEnough = 3 // pairs of actions at the same time in two places

	// Families share a phone, and offices a tablet, by turns.
	accountsHint   = 5
	accountsEnough = 5 // with hourEnough
	hourEnough     = 5

	matesHint   = 2 // people recruited on one's own device
	matesEnough = 4

	nightFrom, nightTo = 0, 5 * 60 // minutes of the day
	nightEnough        = 30        // doors, one by one
	nightHint          = 10        // doors or calls

	mockEnough = 3 // and a tenth of the places
)

var checks = []func(*Window) *Finding{speed, pace, contactRate, answers, overlap, device, ring, midnight, mock, denied}

// Look runs every check on a window and answers the findings that withhold
// something: those that are enough, or two or more that are hints. The actions of
// a finding are not held yet. A hint finds nothing in an action that a partner
// has confirmed who shares no device with the person.
func Look(w *Window) []Finding {
	var found []Finding
	enough := false
	for _, check := range checks {
		f := check(w)
		if f == nil {
			continue
		}
		if w.Cleared[f.Check] {
			if !f.Enough {
				continue
			}
			f.Enough = false
		}
		f.Actions = w.open(f)
		if len(f.Actions) == 0 {
			continue
		}
		enough = enough || f.Enough
		found = append(found, *f)
	}
	if !enough && len(found) < 2 {
		return nil
	}
	return found
}

// open are the actions of a finding that can be held by it.
func (w *Window) open(f *Finding) []string {
	found := make(map[string]bool, len(f.Actions))
	for _, id := range f.Actions {
		found[id] = true
	}
	var ids []string
	for i := range w.Acts {
		a := &w.Acts[i]
		if !a.Held && found[a.ID] && (f.Enough || !w.confirmed(a)) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

func (w *Window) confirmed(a *Act) bool {
	e := a.Evidence
	return e != nil && e.Confirmed != nil && *e.Confirmed && !w.Mates[e.Partner]
}

// ids are those of some acts.
func ids(acts []*Act) []string {
	out := make([]string, len(acts))
	for i, a := range acts {
		out[i] = a.ID
	}
	return out
}

// with are the acts that have evidence that is wanted.
func (w *Window) with(wanted func(*Act) bool) []*Act {
	var found []*Act
	for i := range w.Acts {
		if a := &w.Acts[i]; a.Evidence != nil && wanted(a) {
			found = append(found, a)
		}
	}
	return found
}

// between is how far apart two places are for sure, in metres: the distance less
// what both may be wrong by.
func between(a, b *Location) float64 {
	const radius = 6_371_000
	rad := math.Pi / 180
	lat, lon := (b.Lat-a.Lat)*rad/2, (b.Lon-a.Lon)*rad/2
	h := math.Pow(math.Sin(lat), 2) + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*math.Pow(math.Sin(lon), 2)
	return 2*radius*math.Asin(math.Min(1, math.Sqrt(h))) - trueError*(a.Accuracy+b.Accuracy)
}

// unreachable says whether nobody gets from one act to a later one.
func unreachable(a, b *Act) bool {
	d := between(a.Evidence.Location, b.Evidence.Location)
	return d > farApart && d/max(b.At.Sub(a.At).Seconds(), 1) > topSpeed
}

// speed counts the legs that nobody travels. Places that fit neither what came
// before nor what comes next, which fit each other, are a jump: a phone makes such
// a mistake now and then, and somebody who sets their place by hand makes many.
func speed(w *Window) *Finding {
	located := w.with(func(a *Act) bool { return a.Evidence.Location != nil })
	var odd []*Act
	var legs, jumps int
	var from, to *Act // the longest
	for i := 1; i < len(located); i++ {
		before, a := located[i-1], located[i]
		if !unreachable(before, a) {
			continue
		}
		if from == nil || between(before.Evidence.Location, a.Evidence.Location) > between(from.Evidence.Location, to.Evidence.Location) {
			from, to = before, a
		}
		back := i + 1
		for back < len(located) && back < i+jumpLength && unreachable(before, located[back]) {
			back++
		}
		if back < len(located) && back < i+jumpLength {
			jumps++
			odd = append(odd, located[i:back]...)
			i = back
			continue
		}
		legs++
		odd = append(odd, a)
	}
	if legs+jumps < oddEnough {
		return nil
	}
	km := between(from.Evidence.Location, to.Evidence.Location) / 1000
	return &Finding{
		Check: Speed, Enough: legs > 1 || jumps >= max(jumpsEnough, len(located)/10), Actions: ids(odd),
		Text: fmt.Sprintf("Two places are %.0f km apart, and the actions there %s.", km, span(to.At.Sub(from.At))),
	}
}

// span says a length of time in words.
func span(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%.0f seconds", d.Seconds())
	}
	return fmt.Sprintf("%.0f minutes", d.Minutes())
}

// pace looks for stretches with more doors than anybody knocks at. Doors that were
// counted afterwards say when by their duration alone, and without one only by
// the day.
func pace(w *Window) *Finding {
	var live, fast, all []*Act
	for i := range w.Acts {
		a := &w.Acts[i]
		if a.Kind != "door" {
			continue
		}
		all = append(all, a)
		if a.Quantity <= lump {
			live = append(live, a)
		} else if d := a.duration(); d > 0 && float64(a.Quantity) >= stretchEnough/4 && float64(a.Quantity)/max(d.Minutes(), .5) > stretchEnough/stretch.Minutes() {
			fast = append(fast, a)
		}
	}
	if len(fast) > 0 {
		a := fast[0]
		return &Finding{Check: Pace, Enough: true, Actions: ids(fast), Text: fmt.Sprintf("%d doors in %s.", a.Quantity, span(a.duration()))}
	}
	f, doors := busiest(live, func(first, a *Act) bool { return a.At.Sub(first.At) < stretch }, stretchHint)
	if f != nil {
		f.Enough, f.Text = doors >= stretchEnough, fmt.Sprintf("%d doors within %.0f minutes.", doors, stretch.Minutes())
		return f
	}
	// A day is taken as 24 hours back from its last act: the person's day is as
	// good and may be cut in two by a midnight.
	if f, doors = busiest(all, func(first, a *Act) bool { return a.At.Sub(first.At) < 24*time.Hour }, dayHint); f != nil {
		f.Enough, f.Text = doors >= dayEnough, fmt.Sprintf("%d doors within a day.", doors)
		return f
	}
	return nil
}

// busiest finds the stretch with the largest quantity, if that is at least least.
func busiest(acts []*Act, within func(first, a *Act) bool, least int64) (*Finding, int64) {
	var sum, most int64
	var from, to int
	first := 0
	for i, a := range acts {
		sum += a.Quantity
		for !within(acts[first], a) {
			sum -= acts[first].Quantity
			first++
		}
		if sum > most {
			most, from, to = sum, first, i+1
		}
	}
	if most < least {
		return nil, most
	}
	return &Finding{Check: Pace, Actions: ids(acts[from:to])}, most
}

func (a *Act) duration() time.Duration {
	if a.Evidence == nil {
		return 0
	}
	return time.Duration(a.Evidence.Seconds) * time.Second
}

// contactRate looks at the whole window, and at its last day by itself: who works
// honestly on other days has not done so on this one.
func contactRate(w *Window) *Finding {
	counted := w.with(func(a *Act) bool { return a.Evidence.Attempts > 0 })
	var best *Finding
	for _, acts := range [][]*Act{counted, lastDay(counted)} {
		var attempts, contacts int64
		for _, a := range acts {
			attempts += a.Evidence.Attempts
			contacts += min(a.Evidence.Contacts, a.Evidence.Attempts)
		}
		rate := float64(contacts) / float64(max(attempts, 1))
		if attempts < contactsOf || rate < contactsHint || best != nil && (best.Enough || rate < contactsEnough) {
			continue
		}
		best = &Finding{
			Check: ContactRate, Enough: rate >= contactsEnough, Actions: ids(acts),
			Text: fmt.Sprintf("%d of %d attempts reached somebody; 10 to 30 of 100 is usual.", contacts, attempts),
		}
	}
	return best
}

// lastDay are the acts of the 24 hours up to the last.
func lastDay(acts []*Act) []*Act {
	for i, a := range acts {
		if acts[len(acts)-1].At.Sub(a.At) < 24*time.Hour {
			return acts[i:]
		}
	}
	return nil
}

// answers measures how different the answers are, in bits.
func answers(w *Window) *Finding {
	answered := w.with(func(a *Act) bool { return len(a.Evidence.Answers) > 0 })
	counts, n := map[string]int{}, 0
	for _, a := range answered {
		for _, answer := range a.Evidence.Answers {
			counts[answer]++
			n++
		}
	}
	if n < answersOf {
		return nil
	}
	bits, most := 0.0, 0
	for _, count := range counts {
		p := float64(count) / float64(n)
		bits -= p * math.Log2(p)
		most = max(most, count)
	}
	if bits >= entropyHint {
		return nil
	}
	return &Finding{
		Check: AnswerEntropy, Enough: n >= answersSure && bits < entropyEnough, Actions: ids(answered),
		Text: fmt.Sprintf("%d of %d answers are the same.", most, n),
	}
}

// overlap pairs acts that went on at the same time in two places, each act in one
// pair: a timer that was left running is one act.
func overlap(w *Window) *Finding {
	lasting := w.with(func(a *Act) bool { return a.Evidence.Seconds > 0 && a.Evidence.Location != nil })
	slices.SortFunc(lasting, func(a, b *Act) int { return a.At.Add(-a.duration()).Compare(b.At.Add(-b.duration())) })
	paired := map[*Act]bool{}
	var found []*Act
	for i, a := range lasting {
		for _, b := range lasting[i+1:] {
			if paired[a] || !b.At.Add(-b.duration()).Before(a.At) {
				break // those behind it begin later still
			}
			if !paired[b] && between(a.Evidence.Location, b.Evidence.Location) > farApart {
				paired[a], paired[b] = true, true
				found = append(found, a, b)
			}
		}
	}
	if len(found)/2 < oddEnough {
		return nil
	}
	return &Finding{
		Check: Overlap, Enough: len(found)/2 >= placesEnough, Actions: ids(found),
		Text: fmt.Sprintf("%d times two actions went on at the same time in two places.", len(found)/2),
	}
}

func device(w *Window) *Finding {
	var worst DeviceUse
	on := w.with(func(a *Act) bool {
		use := w.Devices[a.Evidence.Device]
		if use.Accounts < accountsHint {
			return false
		}
		if cmp.Or(cmp.Compare(use.Hour, worst.Hour), cmp.Compare(use.Accounts, worst.Accounts)) > 0 {
			worst = use
		}
		return true
	})
	if len(on) == 0 {
		return nil
	}
	return &Finding{
		Check: SharedDevice, Enough: worst.Accounts >= accountsEnough && worst.Hour >= hourEnough, Actions: ids(on),
		Text: fmt.Sprintf("%d accounts were used on one device, up to %d of them within an hour.", worst.Accounts, worst.Hour),
	}
}

// ring looks at whom the person recruited. Of what goes round, only what was said
// last cannot be.
func ring(w *Window) *Finding {
	round := w.with(func(a *Act) bool {
		since, above := w.Upline[a.Evidence.Recruited]
		return above && since.Before(a.Evidence.GivenAt)
	})
	if len(round) > 0 {
		return &Finding{Check: ReferralRing, Enough: true, Actions: ids(round), Text: "Somebody is said to have been recruited by those they recruited themselves."}
	}
	own := map[string]bool{}
	mates := w.with(func(a *Act) bool {
		mate := w.Mates[a.Evidence.Recruited]
		if mate {
			own[a.Evidence.Recruited] = true
		}
		return mate
	})
	if len(own) < matesHint {
		return nil
	}
	return &Finding{
		Check: ReferralRing, Enough: len(own) >= matesEnough, Actions: ids(mates),
		Text: fmt.Sprintf("%d people who were recruited use the same device as the one who recruited them.", len(own)),
	}
}

// midnight looks for doors and calls in the night. What was counted afterwards
// was perhaps done in the evening, and calls perhaps go where it is day.
func midnight(w *Window) *Finding {
	var found []*Act
	var sum, doors int64
	for i := range w.Acts {
		a := &w.Acts[i]
		if a.Kind != "door" && a.Kind != "call" || a.Minute < nightFrom || a.Minute >= nightTo {
			continue
		}
		began := a.Minute - int(a.duration().Minutes())
		if began < nightFrom {
			continue
		}
		found = append(found, a)
		sum += a.Quantity
		if a.Kind == "door" && a.Quantity <= lump {
			doors += a.Quantity
		}
	}
	if sum < nightHint {
		return nil
	}
	return &Finding{
		Check: AfterMidnight, Enough: doors >= nightEnough, Actions: ids(found),
		Text: fmt.Sprintf("%d doors or calls between midnight and five in the morning.", sum),
	}
}

func mock(w *Window) *Finding {
	located := len(w.with(func(a *Act) bool { return a.Evidence.Location != nil }))
	found := w.with(func(a *Act) bool { return a.Evidence.Mock })
	if len(found) == 0 {
		return nil
	}
	return &Finding{
		Check: MockLocation, Enough: len(found) >= max(mockEnough, located/10), Actions: ids(found),
		Text: fmt.Sprintf("The phone says of %d actions that their place was set by an app.", len(found)),
	}
}

func denied(w *Window) *Finding {
	found := w.with(func(a *Act) bool { return a.Evidence.Confirmed != nil && !*a.Evidence.Confirmed })
	if len(found) == 0 {
		return nil
	}
	return &Finding{Check: PartnerDenied, Actions: ids(found), Text: fmt.Sprintf("The partner who was named says of %d actions that it was not so.", len(found))}
}
