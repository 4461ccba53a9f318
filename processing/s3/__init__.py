"""What is said to S3: objects are put into the bucket of the archive.

May import the credentials and connection settings of `sqs`.
"""
