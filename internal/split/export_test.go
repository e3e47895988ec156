package split

import "hongbao.example/hongbao/internal/money"

// DrawUnshuffled draws by the law of t and leaves the amounts in the order in which
// they were drawn: the mistake that the tests of fairness must be able to find.
func DrawUnshuffled(s Secret, t Terms) []money.Fen {
	shares := make([]money.Fen, t.Num)
	drawer(t.Law)(t, newChance(s), shares)
	return shares
}

// DrawUnchecked draws under terms that Validate may have refused.
func DrawUnchecked(s Secret, t Terms) ([]money.Fen, error) { return draw(s, t) }

// Shuffle shuffles amounts with the chance of s.
func Shuffle(s Secret, amounts []money.Fen) { shuffle(newChance(s), amounts) }

// Below draws count numbers below n, and tells how many words that took.
func Below(s Secret, n money.Fen, count int) (numbers []money.Fen, words int) {
	c := newChance(s)
	for range count {
		numbers = append(numbers, c.below(n))
	}
	return numbers, int(c.number)*4 - len(c.unread)/8
}
