// The operations of jira.js that we use, and no more: the package holds all of Jira, and a bundler keeps what is named here.
// Loaded by `import()` at the first call.
export {
  addComment,
  createIssue,
  doTransition,
  getComments,
  getCurrentUser,
  getIssue,
  getMyPermissions,
  getTransitions,
  linkIssues,
  searchAndReconsileIssuesUsingJqlPost,
} from 'jira.js/cloud';
