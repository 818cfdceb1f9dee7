package campaign

import (
	"regexp"
	"testing"
)

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"La Spezia":                  "la-spezia",
		"Forlì-Cesena":               "forli-cesena",
		"Valle D'Aosta":              "valle-d-aosta",
		"Provence-Alpes-Côte d'Azur": "provence-alpes-cote-d-azur",
		"Łódź Voivodeship":           "lodz-voivodeship",
		"Gießen":                     "giessen",
		"Œuilly":                     "oeuilly",
		"L’Aquila":                   "l-aquila",
		"  --Ne--  ":                 "ne",
		"Sankt Leonhard (St. L.) 2":  "sankt-leonhard-st-l-2",
		"東京":                         "x130016b2",
		"София":                      "x1d0b658c",
		"Tokyo 東京":                   "tokyo-x980e3ef2",
		"":                           "xe3b0c442",
		"a.b":                        "a-b",
		"ＦＵＬＬ width":                 "full-width",
		"Saint-Remy-en-Bouzemont-Saint-Genest-et-Isson-sur-la-Riviere-Longue": "saint-remy-en-bouzemont-saint-genest-et-isson-sur-la-riviere-x26c20b0a",
	} {
		got := Slug(name)
		if got != want {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSlugOfPrefersLetters(t *testing.T) {
	for _, c := range []struct{ code, name, want string }{
		{"SP", "La Spezia", "sp"},
		{"08", "Liguria", "liguria"},
		{"2A", "Corse-du-Sud", "corse-du-sud"},
		{"", "Genova", "genova"},
	} {
		if got := slugOf(c.code, c.name); got != c.want {
			t.Errorf("slugOf(%q, %q) = %q, want %q", c.code, c.name, got, c.want)
		}
	}
}

func TestNormalizePostcode(t *testing.T) {
	for in, want := range map[string]string{
		"00010": "00010", " 001 87 ": "00187", "00-950": "00950", "sw1a 1aa": "SW1A1AA", "\t19121\n": "19121",
	} {
		if got, ok := NormalizePostcode(in); !ok || got != want {
			t.Errorf("NormalizePostcode(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "1", "- -", "1!", "1234567890123", "１９１２１", "19121\x00", "é12"} {
		if got, ok := NormalizePostcode(in); ok {
			t.Errorf("NormalizePostcode(%q) = %q, want a refusal", in, got)
		}
	}
}

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func FuzzSlug(f *testing.F) {
	for _, seed := range []string{"La Spezia", "Forlì", "東京", "", "\xff", "ß", "İ", "a\u0301", "---"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		slug := Slug(name)
		if !slugPattern.MatchString(slug) || len(slug) > 80 {
			t.Fatalf("Slug(%q) = %q", name, slug)
		}
		if again := Slug(slug); len(slug) <= maxSlug && again != slug {
			t.Fatalf("the slug of the slug %q is %q", slug, again)
		}
	})
}
