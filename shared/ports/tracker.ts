// The team's issue tracker. One open issue for each fingerprint; markers find what a lost reply hid.
import type { Block } from '../core/document.ts';

export interface Issue {
  readonly key: string;
  readonly url: string;
  readonly open: boolean;
  /** ISO time. */
  readonly createdAt: string;
}

export interface IssueDraft {
  readonly project: string;
  readonly issueType: string;
  readonly fingerprint: string;
  readonly title: string;
  readonly body: readonly Block[];
  readonly labels: readonly string[];
}

export interface Tracker {
  /**
   * It can create issues and nothing else: an issue is opened once and not commented. `findOpen` then fails with the code CANNOT_LOOK
   * where a repeat would be a second issue, and finds nothing where the other side knows a repeat by its fingerprint.
   */
  readonly isCreateOnly?: true;
  /** Open issues with that fingerprint, oldest first. The tracker's search may lag behind by minutes. */
  findOpen(request: { project: string; fingerprint: string }): Promise<readonly Issue[]>;
  read(key: string): Promise<Issue | undefined>;
  create(draft: IssueDraft): Promise<Issue>;
  comment(request: { key: string; marker: string; body: readonly Block[] }): Promise<void>;
  /** Whether a comment with that marker is there. Comments are read from the issue itself: no lag. */
  hasComment(request: { key: string; marker: string }): Promise<boolean>;
  /** Links `duplicate` to `original` and closes it, saying why. */
  closeAsDuplicate(request: { duplicate: string; original: string }): Promise<void>;
  /** Checks the credentials; gives who we are and which of the permissions we hold in the project. */
  identity(project: string): Promise<{ readonly user: string; readonly permissions: readonly string[] }>;
}
