package people

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/musterhq/muster/internal/errs"
)

// Change is what a person changes about themselves. A nil field stays.
type Change struct {
	GivenName   *string // up to 100 characters; "" takes it away
	FamilyName  *string // as GivenName
	DisplayName *string // up to 40 characters; "" takes it away
	NameShown   *bool
	Hidden      *bool
	ShoutOuts   *bool
	TimeZone    *string // IANA name; "" is the campaign's
	// LanguagesSpoken replaces the list; up to 20 tags of BCP 47.
	LanguagesSpoken *[]string
}

const (
	maxName        = 100
	maxDisplayName = 40
	maxLanguages   = 20
)

// Change changes the person's own data and gives the person as they now are.
// It is one write. Errors: Invalid name_invalid, time_zone_invalid,
// language_invalid; NotFound person_unknown.
func (s *Service) Change(ctx context.Context, campaignID, person string, change Change) (*Person, error) {
	if err := change.check(); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	return s.update(ctx, campaignID, person, func(p *Person) error {
		change.apply(p, now)
		return nil
	})
}

func (c *Change) check() error {
	for _, field := range []struct {
		value *string
		max   int
	}{{c.GivenName, maxName}, {c.FamilyName, maxName}, {c.DisplayName, maxDisplayName}} {
		if field.value == nil {
			continue
		}
		*field.value = strings.TrimSpace(*field.value)
		if !plainLine(*field.value, field.max) {
			return errs.New(errs.Invalid, "name_invalid", "A name is one line of up to %d characters. Shorten it and send it again.", field.max)
		}
	}
	if c.TimeZone != nil && *c.TimeZone != "" {
		// "Local" would be the server's zone, not the person's.
		if _, err := time.LoadLocation(*c.TimeZone); err != nil || *c.TimeZone == "Local" || len(*c.TimeZone) > 64 {
			return errs.New(errs.Invalid, "time_zone_invalid", `The time zone is not known. Send a name such as "Europe/Rome".`)
		}
	}
	if c.LanguagesSpoken != nil {
		return checkLanguages(*c.LanguagesSpoken)
	}
	return nil
}

// plainLine says whether s is at most so many printable characters on one line.
func plainLine(s string, most int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
		return false
	}
	// unicode.IsPrint also refuses the marks that turn the direction of text
	// around, by which one name can be made to look like another.
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

var languagePattern = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$`)

func checkLanguages(tags []string) error {
	if len(tags) > maxLanguages {
		return errs.New(errs.Invalid, "language_invalid", "Name up to %d languages.", maxLanguages)
	}
	for _, tag := range tags {
		if !languagePattern.MatchString(tag) {
			return errs.New(errs.Invalid, "language_invalid", `A language is not known. Send tags such as "it" or "pt-BR".`)
		}
	}
	return nil
}

func (c *Change) apply(p *Person, now time.Time) {
	set(&p.GivenName, c.GivenName)
	set(&p.FamilyName, c.FamilyName)
	set(&p.DisplayName, c.DisplayName)
	set(&p.NameShown, c.NameShown)
	set(&p.ShoutOuts, c.ShoutOuts)
	set(&p.TimeZone, c.TimeZone)
	if c.LanguagesSpoken != nil {
		p.LanguagesSpoken = slices.Clone(*c.LanguagesSpoken)
	}
	if c.Hidden != nil && *c.Hidden != p.Hidden {
		p.Hidden = *c.Hidden
		p.tellHidden(now)
	}
	if c.ShoutOuts != nil {
		p.welcome(now)
	}
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
