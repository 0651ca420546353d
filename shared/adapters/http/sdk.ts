// Google's own credentials, loaded by `import()` of this file at the first call. A CommonJS package that is itself imported
// dynamically has nothing but a default export in a bundle.
export { GoogleAuth } from 'google-auth-library';
