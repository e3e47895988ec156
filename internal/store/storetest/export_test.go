package storetest

// Own copies a row as Memory does.
func Own[T any](row T) T { return own(row) }
