package bench

import "context"

func (p *parts) fill(ctx context.Context, in ask) (answer, error)   { return answer{}, nil }
func (p *parts) around(ctx context.Context, in ask) (answer, error) { return answer{}, nil }
func (p *parts) raw(ctx context.Context, in ask) (answer, error)    { return answer{}, nil }
