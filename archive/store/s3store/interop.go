package s3store

import "github.com/aws/smithy-go/middleware"

// sendNoAcceptEncoding drops a header that says what its absence says, too.
// Google's servers change it on the way, which breaks the signature.
func sendNoAcceptEncoding(stack *middleware.Stack) error {
	const id = "DisableAcceptEncodingGzip"
	if _, ok := stack.Finalize.Get(id); !ok {
		return nil
	}
	_, err := stack.Finalize.Remove(id)
	return err
}
