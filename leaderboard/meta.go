package leaderboard

import "context"

// meta is what a campaign's hash of that name says.
type meta struct {
	generations
	fields map[string]string
}

// mark is W of a generation; false where there is none.
func (m meta) mark(gen string) (Mark, bool) {
	text, ok := m.fields[fieldMark(gen)]
	if !ok || gen == "" {
		return Mark{}, false
	}
	mark, err := parseMark(text)
	return mark, err == nil
}

// readMeta reads the hash, which has fewer than ten fields, and remembers the
// generations.
func (b *Boards) readMeta(ctx context.Context, campaign string) (meta, error) {
	fields, err := b.redis.HGetAll(ctx, metaKey(campaign)).Result()
	if err != nil {
		return meta{}, unavailable(err)
	}
	m := meta{generations{fields[fieldGen], fields[fieldNext]}, fields}
	b.heard(campaign, m.generations)
	return m, nil
}
