package simulate

import (
	"fmt"
	"io"
	"strings"

	"github.com/musterhq/muster/domain/points"
)

// Rules are a rule set with the name that people know it by.
type Rules struct {
	Name string
	Set  points.RuleSet
}

// FirstRules are the rules that every campaign begins with.
func FirstRules() Rules { return Rules{Name: "First rules", Set: *points.V1()} }

// FirstRulesID is the id they are stored under.
const FirstRulesID = points.FirstRules

// ruleFile is a rule set as the API takes and shows it.
type ruleFile struct {
	Name  string     `json:"name"`
	Note  string     `json:"note"`
	Kinds []ruleKind `json:"kinds"`
	// What the API adds when it shows one; nothing hangs on it.
	Schema      string `json:"$schema"`
	ID          string `json:"id"`
	State       string `json:"state"`
	Season      string `json:"season"`
	From        string `json:"from"`
	CreatedAt   string `json:"created_at"`
	PublishedAt string `json:"published_at"`
}

type ruleKind struct {
	Name        string `json:"name"`
	Unit        string `json:"unit"`
	Points      int64  `json:"points"`
	MaxQuantity int64  `json:"max_quantity"`
	Weight      *int64 `json:"weight"`
	Tiers       []struct {
		UpTo    int64 `json:"up_to"`
		Percent int64 `json:"percent"`
	} `json:"tiers"`
	CoolDown int64  `json:"cool_down_minutes"`
	Source   string `json:"source"`
}

// ReadRules reads a rule set in the shape in which POST rule-sets takes it and GET
// shows it. A name that the shape does not have is refused, and so are rules that
// could not be in force.
func ReadRules(r io.Reader) (Rules, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return Rules{}, err
	}
	var file ruleFile
	if err := strict(raw, &file); err != nil {
		return Rules{}, err
	}
	if name := strings.TrimSpace(file.Name); name == "" || len([]rune(file.Name)) > 80 {
		return Rules{}, fmt.Errorf("give the rule set a \"name\" of at most 80 characters")
	}
	rules := Rules{Name: file.Name, Set: points.RuleSet{ID: file.ID}}
	for _, k := range file.Kinds {
		kind := points.Kind{Name: k.Name, Unit: k.Unit, Points: k.Points, MaxQuantity: k.MaxQuantity, Weight: 1, CoolDown: k.CoolDown, Source: k.Source}
		if k.Weight != nil {
			kind.Weight = *k.Weight
		}
		for _, t := range k.Tiers {
			kind.Tiers = append(kind.Tiers, points.Tier{UpTo: t.UpTo, Percent: t.Percent})
		}
		rules.Set.Kinds = append(rules.Set.Kinds, kind)
	}
	return rules, rules.Set.Check()
}
